using Baton.Flows.Expressions;
using Baton.Flows.Interpret;
using Baton.Flows.Telemetry;
using Baton.Jq;
using Temporalio.Common;
using Temporalio.Converters;
using Temporalio.Exceptions;
using Temporalio.Workflows;

namespace Baton.Flows.Durable;

/// <summary>The interpreter's world inside a workflow: every answer is in the history.</summary>
internal sealed class WorkflowRuntime(FlowStart start) : IFlowRuntime
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(30);

    /// <summary>Attempts of an activity serve lost workers only: whatever the call itself answers is final, and retried by catch.retry alone.</summary>
    private static readonly RetryPolicy Infrastructure = new() { InitialInterval = TimeSpan.FromSeconds(1), MaximumInterval = TimeSpan.FromSeconds(30) };

    public DateTimeOffset UtcNow => new(Workflow.UtcNow, TimeSpan.Zero);

    public double NextDouble() => Workflow.Random.NextDouble();

    public string NewId() => Workflow.NewGuid().ToString();

    public int Mark => Workflow.CurrentHistoryLength;

    public bool ShouldContinue => start.ContinueAfterEvents > 0 ? Workflow.CurrentHistoryLength > start.ContinueAfterEvents : Workflow.ContinueAsNewSuggested;

    public async Task<bool> WaitAsync(Func<bool> condition, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        // The interpreter passes the run's token where it wants cancellation; None must not fall back to the workflow's.
        if (condition())
        {
            return true;
        }
        if (timeout is { } bound)
        {
            return await Workflow.WaitConditionAsync(condition, bound, cancellationToken.CanBeCanceled ? cancellationToken : Uncancelled);
        }
        await Workflow.WaitConditionAsync(condition, cancellationToken.CanBeCanceled ? cancellationToken : Uncancelled);
        return true;
    }

    public async Task<FlowAnswer> CallAsync(FlowCall call, CancellationToken cancellationToken)
    {
        try
        {
            if (call.Kind is "secrets" or "lifecycle" or "emit" or "subscribe" or "unsubscribe" or "evaluate" or "validate" or "load" || IsQuickFunction(call))
            {
                return new(RawValues.Value(await Workflow.ExecuteLocalActivityAsync<RawValue>(FlowActivities.NameOf(call.Kind), [call], new LocalActivityOptions
                {
                    StartToCloseTimeout = TimeSpan.FromSeconds(30),
                    RetryPolicy = Infrastructure,
                    CancellationToken = Token(cancellationToken),
                })));
            }
            var timeout = call.Timeout ?? DefaultTimeout;
            var raw = await Workflow.ExecuteActivityAsync<RawValue>(FlowActivities.NameOf(call.Kind), [call], new ActivityOptions
            {
                StartToCloseTimeout = timeout,
                HeartbeatTimeout = Heartbeat,
                RetryPolicy = Infrastructure,
                CancellationToken = Token(cancellationToken),
                CancellationType = ActivityCancellationType.WaitCancellationCompleted,
                Summary = call.Task,
            });
            return new(RawValues.Value(raw), RawValues.Token(raw));
        }
        catch (Exception error) when (TemporalException.IsCanceledException(error))
        {
            throw new OperationCanceledException("The call was cancelled.", error);
        }
        catch (ActivityFailureException error)
        {
            throw Fault(error.InnerException ?? error);
        }
        catch (ApplicationFailureException error)
        {
            // A local activity's failure comes without the other around it.
            throw Fault(error);
        }
    }

    public async Task<JqValue> RunFlowAsync(SubflowCall call, CancellationToken cancellationToken)
    {
        var definition = call.Definition;
        if (definition is null)
        {
            var found = await CallAsync(new FlowCall("resolve", JqValue.FromObject([new("namespace", call.Namespace), new("name", call.Name), new("version", call.Version)])) { Task = call.Task }, cancellationToken);
            definition = found.Value.GetString();
        }
        var options = new ChildWorkflowOptions
        {
            Id = $"{Workflow.Info.WorkflowId}/{call.Name}-{call.Key[..8]}",
            ParentClosePolicy = call.Await ? ParentClosePolicy.RequestCancel : ParentClosePolicy.Abandon,
            CancellationToken = Token(cancellationToken),
            StaticSummary = call.Task,
            TypedSearchAttributes = start.Indexed ? FlowAttributes.Of(call.Namespace, call.Name, call.Version) : null,
        };
        var child = new FlowStart { Definition = definition, Input = call.Input, Lifecycle = start.Lifecycle, Subscribe = start.Subscribe, Indexed = start.Indexed, Depth = start.Depth + 1 };
        try
        {
            var handle = await Workflow.StartChildWorkflowAsync(FlowWorkflow.Name, [child], options);
            return call.Await ? RawValues.Value(await handle.GetResultAsync<RawValue>()) : JqValue.Null;
        }
        catch (Exception error) when (TemporalException.IsCanceledException(error))
        {
            throw new OperationCanceledException("The subflow was cancelled.", error);
        }
        catch (ChildWorkflowFailureException error)
        {
            throw Fault(error.InnerException ?? error);
        }
        catch (WorkflowAlreadyStartedException)
        {
            throw new FlowFaultException(FlowErrors.Runtime($"The subflow '{options.Id}' is already running."));
        }
    }

    public async Task<JqValue> RunActivityAsync(JqValue arguments, string idempotencyKey, CancellationToken cancellationToken)
    {
        var parameters = arguments["arguments"].Kind == JqKind.Array ? arguments["arguments"].EnumerateArray().Select(object (a) => RawValues.Raw(a)).ToArray() : [];
        try
        {
            return RawValues.Value(await Workflow.ExecuteActivityAsync<RawValue>(arguments["name"].GetString(), parameters, new ActivityOptions
            {
                TaskQueue = arguments["taskQueue"].TryGetString(out var queue) ? queue : null,
                StartToCloseTimeout = Length("timeout") ?? DefaultTimeout,
                HeartbeatTimeout = Length("heartbeat"),
                RetryPolicy = new RetryPolicy { MaximumAttempts = arguments["attempts"].Kind == JqKind.Number ? (int)arguments["attempts"].GetDouble() : 1 },
                CancellationToken = Token(cancellationToken),
                ActivityId = idempotencyKey,
            }));
        }
        catch (Exception error) when (TemporalException.IsCanceledException(error))
        {
            throw new OperationCanceledException("The activity was cancelled.", error);
        }
        catch (ActivityFailureException error)
        {
            throw Fault(error.InnerException ?? error);
        }

        TimeSpan? Length(string name) => arguments[name].TryGetString(out var text) && FlowDurations.TryParse(text, out var duration) ? duration : null;
    }

    public Action<string, FlowError?> Trace(FlowPart part)
    {
        var name = part.Attempt is { } attempt ? $"attempt {attempt} of {part.Task.Name}" : $"{part.Task.Kind} {part.Task.Name}";
        var tags = new List<KeyValuePair<string, object?>> { new("baton.flow.task", part.Task.Pointer), new("baton.step.kind", part.Task.Kind) };
        if (part.Attempt is { } number)
        {
            tags.Add(new("baton.attempt", number));
        }
        var span = WorkflowTrace.Current?.Begin(name, part.Seed, part.StartedAt, tags);
        return (outcome, error) =>
        {
            span?.End(UtcNow, outcome, error is null ? null : error.Detail ?? error.Title ?? error.Type);
            if (part.Attempt is null && !Workflow.Unsafe.IsReplaying)
            {
                FlowTelemetry.StepEnded(part.Task.Kind, outcome, UtcNow - part.StartedAt);
            }
        };
    }

    private static readonly CancellationTokenSource Never = new();

    private static CancellationToken Uncancelled => Never.Token;

    private static CancellationToken Token(CancellationToken given) => given.CanBeCanceled ? given : Uncancelled;

    private static bool IsQuickFunction(FlowCall call) => call.Kind == "function" && call.Arguments["function"].GetString() is "log:1.0.0" or "template:1.0.0";

    private static FlowFaultException Fault(Exception error) => new(error switch
    {
        ApplicationFailureException failure when ProblemOf(failure) is { } problem => problem,
        TimeoutFailureException timeout => FlowErrors.Timeout($"The call did not answer in time ({timeout.TimeoutType})."),
        ApplicationFailureException failure => FlowErrors.Runtime(failure.Message) with { Title = failure.ErrorType ?? "Runtime error" },
        _ => FlowErrors.Runtime(error.Message),
    });

    private static FlowError? ProblemOf(ApplicationFailureException failure) =>
        failure.Details.Count > 0 ? FlowError.FromValue(RawValues.Value(failure.Details.ElementAt<RawValue>(0))) : null;
}
