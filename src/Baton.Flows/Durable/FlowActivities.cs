using System.Collections.Immutable;
using Baton.Flows.Calls;
using Baton.Flows.Expressions;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Schemas;
using Baton.Flows.Telemetry;
using Baton.Jq;
using Microsoft.Extensions.Logging;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Flows.Durable;

/// <summary>The activities of flows: one per kind of call, all with the same form. Secrets are resolved here and nowhere else.</summary>
internal sealed partial class FlowActivities : IDisposable
{
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(5);

    private readonly FlowHost _host;
    private readonly FlowCatalogue _functions;
    private readonly EgressHttp _http;
    private readonly Dictionary<string, ICallHandler> _handlers = [];
    private readonly Dictionary<string, JsonSchema> _inputs = [];
    private readonly ILogger _logger;

    public FlowActivities(FlowHost host, ITemporalClient? client)
    {
        _host = host;
        _functions = BuiltInFunctions.Create(host, client);
        _http = new EgressHttp(host);
        _logger = host.Logging.CreateLogger("Baton.Flows");
        foreach (var handler in CallHandlers.All(host, _http))
        {
            foreach (var kind in handler.Kinds)
            {
                _handlers.Add(kind, handler);
            }
        }
        foreach (var descriptor in _functions.Descriptors)
        {
            _inputs.Add(descriptor.Key, JsonSchema.Parse(descriptor.Input));
        }
    }

    public static string NameOf(string kind) => "flow." + kind;

    public void Dispose()
    {
        foreach (var handler in _handlers.Values.OfType<IDisposable>())
        {
            handler.Dispose();
        }
        _http.Dispose();
    }

    public IEnumerable<ActivityDefinition> Definitions() =>
        _handlers.Keys.Concat(["function", "withdraw", "emit", "lifecycle", "secrets", "subscribe", "unsubscribe", "resolve", "evaluate", "validate", "load"])
            .Select(kind => ActivityDefinition.Create(NameOf(kind), typeof(Task<RawValue>), [typeof(FlowCall)], 1, parameters => RunAsync((FlowCall)parameters[0]!)));

    /// <summary>Runs one call with a heartbeat, so that a lost worker is noticed and a cancellation arrives.</summary>
    private async Task<RawValue> RunAsync(FlowCall call)
    {
        System.Diagnostics.Activity.Current?.SetTag("baton.flow", call.Flow).SetTag("baton.flow.task", call.Task);
        var context = ActivityExecutionContext.Current;
        var cancellation = context.CancellationToken;
        // A local activity has no heartbeat.
        await using var beat = context.Info.IsLocal ? null : _host.Time.CreateTimer(_ => context.Heartbeat(), null, HeartbeatInterval, HeartbeatInterval);
        try
        {
            var answer = await CallAsync(call, $"{context.Info.WorkflowRunId}/{context.Info.ActivityId}", () => { }, cancellation);
            return answer.Token is { } token ? RawValues.Promise(token) : RawValues.Raw(answer.Value);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (FlowFaultException fault)
        {
            throw new ApplicationFailureException(fault.Message, errorType: fault.Error.Type, nonRetryable: true, details: [RawValues.Raw(fault.Error.ToValue())]);
        }
        catch (Exception error)
        {
            Failed(_logger, error, call.Kind, call.Task, call.RunId);
            var fault = FlowErrors.Runtime($"{error.GetType().Name}: {error.Message}");
            throw new ApplicationFailureException(fault.Detail!, errorType: fault.Type, nonRetryable: true, details: [RawValues.Raw(fault.ToValue())]);
        }
    }

    /// <summary>Runs one call with large values put back into its arguments, and taken out of its result but where the interpreter reads that itself.</summary>
    /// <param name="callId">See <see cref="FlowFunctionCall.CallId"/>.</param>
    internal async Task<FlowAnswer> CallAsync(FlowCall call, string callId, Action heartbeat, CancellationToken cancellationToken)
    {
        if (call.Kind != "lifecycle")
        {
            call = call with { Arguments = await LargeValues.LoadAsync(call.Arguments, _host.Blobs, cancellationToken) };
        }
        var answer = await CallLoadedAsync(call, callId, heartbeat, cancellationToken);
        return call.Kind is "load" or "fetch" or "resolve" or "validate" or "secrets" ? answer : answer with { Value = await LargeValues.StoreAsync(answer.Value, _host.Blobs, call.RunId, cancellationToken) };
    }

    private async Task<FlowAnswer> CallLoadedAsync(FlowCall call, string callId, Action heartbeat, CancellationToken cancellationToken)
    {
        FlowCallScope.Enter(call.Flow);
        var used = new List<KeyValuePair<string, string>>();
        var lookup = await ResolveAsync(call, cancellationToken);
        string Resolve(string path)
        {
            var secret = lookup(path);
            used.Add(new(secret, path));
            return secret;
        }
        var arguments = SecretReferences.Resolve(call.Arguments, call.SecretPrefix, Resolve);
        var authentication = SecretReferences.Resolve(call.Authentication, call.SecretPrefix, Resolve);
        try
        {
            var result = call.Kind == "function"
                ? await CallFunctionAsync(call, arguments, callId, cancellationToken)
                : await CallAsync(call, arguments, authentication, heartbeat, cancellationToken);
            return new(SecretReferences.Conceal(result.Value, call.SecretPrefix, used), result.Token);
        }
        catch (FlowFaultException fault) when (fault.Error.Detail is { } detail && used.Count > 0)
        {
            throw new FlowFaultException(fault.Error with { Detail = SecretReferences.Conceal(detail, call.SecretPrefix, used) });
        }
    }

    private async Task<FlowFunctionResult> CallAsync(FlowCall call, JqValue arguments, JqValue authentication, Action heartbeat, CancellationToken cancellationToken)
    {
        switch (call.Kind)
        {
            case "withdraw":
                await Function(arguments["function"].GetString()).WithdrawAsync(arguments["token"].GetString(), cancellationToken);
                return JqValue.Null;
            case "emit":
                await _host.Events.PublishAsync([TraceHeaders.Stamp(arguments)], cancellationToken);
                return JqValue.Null;
            case "lifecycle":
                await _host.Events.PublishAsync([.. call.Arguments.EnumerateArray().Select(TraceHeaders.Stamp)], cancellationToken);
                return JqValue.Null;
            case "subscribe":
                return await SubscribeAsync(call, cancellationToken);
            case "unsubscribe":
                await _host.Events.UnsubscribeAsync(call.RunId, cancellationToken);
                return JqValue.Null;
            case "load":
                return call.Arguments;
            case "evaluate":
                return Evaluate(call.Arguments);
            case "validate":
                return JqValue.FromArray(JsonSchema.Parse(call.Arguments["schema"]).Validate(call.Arguments["value"]).Select(p => (JqValue)p.ToString()));
            case "secrets":
                return await ShapesAsync(call, cancellationToken);
            case "resolve":
                var (ns, name, version) = (call.Arguments["namespace"].GetString(), call.Arguments["name"].GetString(), call.Arguments["version"].GetString());
                return (JqValue)(await _host.Definitions.FindAsync(ns, name, version, cancellationToken)
                    ?? throw new FlowFaultException(FlowErrors.Configuration($"There is no flow {ns}/{name}:{version} here.")));
            default:
                return await _handlers[call.Kind].CallAsync(new CallContext(call, arguments, authentication, heartbeat), cancellationToken);
        }
    }

    private IFlowFunction Function(string key) => _functions.Find(key) ?? throw new FlowFaultException(FlowErrors.Configuration($"The catalogue has no function '{key}'."));

    /// <summary>Evaluates an expression over large values. Secrets stay the references that they are.</summary>
    private static JqValue Evaluate(JqValue arguments)
    {
        var variables = arguments["variables"].EnumerateObject().ToImmutableDictionary();
        IExpressionProgram program = arguments["language"].GetString() == nameof(ExpressionLanguage.JavaScript)
            ? new JavaScriptExpression(arguments["expression"].GetString())
            : new JqExpression(arguments["expression"].GetString(), [.. variables.Keys], JqExpression.LargeLimits);
        try
        {
            return program.Evaluate(new ExpressionScope(arguments["value"], variables));
        }
        catch (ExpressionException error)
        {
            throw new FlowFaultException(FlowErrors.Expression(error.Message));
        }
    }

    private async Task<JqValue> SubscribeAsync(FlowCall call, CancellationToken cancellationToken)
    {
        var since = call.Arguments["since"].TryGetString(out var text) ? DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : default;
        var page = await _host.Events.SubscribeAsync(
            new(call.RunId, [.. call.Arguments["filters"].EnumerateArray()], since, Place("from")) { Start = Place("start") }, cancellationToken);
        return JqValue.FromObject(
        [
            new("events", JqValue.FromArray(page.Events.Select(item => JqValue.FromObject([new("offset", item.Offset), new("event", item.Event)])))),
            new("next", page.Next is { } next ? next : JqValue.Null),
        ]);

        long? Place(string name) => call.Arguments[name].Kind == JqKind.Number ? (long)call.Arguments[name].GetDouble() : null;
    }

    private async Task<FlowFunctionResult> CallFunctionAsync(FlowCall call, JqValue arguments, string callId, CancellationToken cancellationToken)
    {
        var key = arguments["function"].GetString();
        var function = Function(key);
        var problems = _inputs[key].Validate(arguments["arguments"]);
        if (problems.Count > 0)
        {
            throw new FlowFaultException(FlowErrors.Validation($"The arguments of '{key}' do not match its schema: {string.Join("; ", problems)}."));
        }
        return await function.InvokeAsync(new FlowFunctionCall(arguments["arguments"], call.IdempotencyKey, call.RunId, call.Flow, call.Task) { CallId = callId }, cancellationToken);
    }

    /// <summary>The members of each secret, with empty values.</summary>
    private async Task<JqValue> ShapesAsync(FlowCall call, CancellationToken cancellationToken)
    {
        var shapes = new List<KeyValuePair<string, JqValue>>();
        foreach (var name in call.Arguments.EnumerateArray().Select(n => n.GetString()))
        {
            var secret = await _host.Secrets.FindAsync(name, cancellationToken)
                ?? throw new FlowFaultException(FlowErrors.Authorization($"The secret '{name}' does not exist here, or this flow may not use it."));
            shapes.Add(new(name, Blank(secret)));
        }
        return JqValue.FromObject(shapes);

        static JqValue Blank(JqValue secret) => secret.Kind == JqKind.Object
            ? JqValue.FromObject(secret.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, Blank(p.Value))))
            : JqValue.From("");
    }

    /// <summary>Reads the secrets of the flow if this call needs any, and gives a way to look into them.</summary>
    private async Task<Func<string, string>> ResolveAsync(FlowCall call, CancellationToken cancellationToken)
    {
        var values = new Dictionary<string, JqValue>();
        if (call.SecretPrefix.Length > 0 && (call.Arguments.ToJson().Contains(call.SecretPrefix, StringComparison.Ordinal) || call.Authentication.ToJson().Contains(call.SecretPrefix, StringComparison.Ordinal)))
        {
            foreach (var name in call.Secrets)
            {
                values[name] = await _host.Secrets.FindAsync(name, cancellationToken)
                    ?? throw new FlowFaultException(FlowErrors.Authorization($"The secret '{name}' does not exist here, or this flow may not use it."));
            }
        }
        return path =>
        {
            var parts = path.Split('/');
            var value = values.TryGetValue(parts[0], out var secret) ? secret : JqValue.Null;
            foreach (var part in parts.Skip(1))
            {
                value = value.Kind == JqKind.Object ? value[part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)] : JqValue.Null;
            }
            return value.TryGetString(out var text) ? text : value.IsNull ? "" : value.ToJson();
        };
    }

    [LoggerMessage(EventId = EventIds.CallFailed, Level = LogLevel.Error, Message = "A {Kind} call of {Task} in run {RunId} failed unexpectedly")]
    private static partial void Failed(ILogger logger, Exception error, string kind, string task, string runId);
}
