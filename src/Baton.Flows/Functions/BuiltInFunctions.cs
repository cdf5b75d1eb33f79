using Baton.Flows.Hosting;
using Baton.Flows.Schemas;
using Baton.Jq;
using Temporalio.Client;

namespace Baton.Flows.Functions;

/// <summary>The functions that Baton adds to the language: activity, workflow, sql, log, template, approval, task.</summary>
public static class BuiltInFunctions
{
    /// <summary>Carried out by the workflow itself, as an activity of any worker cannot be called from within another.</summary>
    internal const string Activity = "activity";

    private static readonly ActivityFunction ActivityDefinition = new();

    private static readonly JsonSchema ActivityInput = JsonSchema.Parse(ActivityDefinition.Descriptor.Input);

    /// <summary>All of them, for validation and help. To be called, they need a host: <see cref="Create"/>.</summary>
    public static FlowCatalogue Catalogue { get; } = Create(new FlowHost(), null);

    /// <summary>The built-in functions and those of the host.</summary>
    /// <param name="client">Where <c>workflow</c> starts workflows; null refuses.</param>
    public static FlowCatalogue Create(FlowHost host, ITemporalClient? client) => new(
    [
        ActivityDefinition,
        new WorkflowFunction(client),
        new SqlFunction(host.Databases),
        new LogFunction(host.Logging),
        new TemplateFunction(),
        .. HumanTaskFunction.All(host.Inbox),
        .. host.Functions,
    ]);

    /// <exception cref="FlowFaultException">Another version is asked for, or the arguments do not match.</exception>
    internal static void CheckActivity(FunctionReference function, JqValue arguments)
    {
        if (function.Key != ActivityDefinition.Descriptor.Key)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"The catalogue has no function '{function.Key}'."));
        }
        var problems = ActivityInput.Validate(arguments);
        if (problems.Count > 0)
        {
            throw new FlowFaultException(FlowErrors.Validation($"The arguments of '{function.Key}' do not match its schema: {string.Join("; ", problems)}."));
        }
    }

    private sealed class ActivityFunction : IFlowFunction
    {
        public FlowFunctionDescriptor Descriptor { get; } = new(Activity, "1.0.0", "Runs an activity of any worker, in any language, on any task queue.",
            JqValue.Parse("""
                {"type":"object","required":["name"],"additionalProperties":false,"properties":{
                  "name":{"type":"string","minLength":1,"description":"The activity's type."},
                  "taskQueue":{"type":"string","description":"Default: the flow's own task queue."},
                  "arguments":{"type":"array","description":"Arguments, one per parameter."},
                  "timeout":{"type":"string","format":"duration","default":"PT5M","description":"How long one attempt may take."},
                  "heartbeat":{"type":"string","format":"duration","description":"How long it may be silent."},
                  "attempts":{"type":"integer","minimum":1,"default":1,"description":"Attempts before the task faults."}}}
                """),
            JqValue.Parse("""{"description":"What the activity returns."}"""));

        public Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken) =>
            throw new FlowFaultException(FlowErrors.Configuration("'activity' cannot be called here."));
    }
}
