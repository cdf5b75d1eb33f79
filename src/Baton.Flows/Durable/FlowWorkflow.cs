using System.Collections.Concurrent;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Telemetry;
using Temporalio.Converters;
using Temporalio.Exceptions;
using Temporalio.Workflows;

namespace Baton.Flows.Durable;

/// <summary>The workflow that runs any flow.</summary>
[Workflow(Name)]
public sealed class FlowWorkflow
{
    public const string Name = "BatonFlow";

    /// <summary>Default task queue of flows.</summary>
    public const string TaskQueue = "baton-flows";

    /// <summary>Name of the signal that brings an answer that was promised, see <see cref="Functions.FlowFunctionResult.Later"/>.</summary>
    public const string AnswerSignal = "answer";

    private readonly List<Action<FlowInterpreter>> _early = [];

    private FlowInterpreter? _interpreter;
    private EventInbox? _inbox;
    private FlowDefinition? _flow;
    private bool _suspendedEarly;
    private FlowStatus _status = FlowStatus.Running;

    /// <returns>The flow's output.</returns>
    [WorkflowRun]
    public async Task<RawValue> RunAsync(FlowStart start)
    {
        _flow = FlowCache.Get(start.Definition);
        if (start.Hash is { } hash && hash != _flow.Hash)
        {
            throw Failure(FlowErrors.Configuration($"The definition has the hash {_flow.Hash}, not {hash}.") with { Instance = "/" });
        }
        WorkflowTrace.Current?.Tag("baton.flow", _flow.Document.Reference);
        var run = new FlowRun
        {
            Flow = _flow,
            Id = Workflow.Info.WorkflowId,
            Key = start.Carry?.Key ?? Workflow.Info.FirstExecutionRunId,
            Input = start.Input,
            StartedAt = new DateTimeOffset(Workflow.Info.StartTime, TimeSpan.Zero),
            Lifecycle = start.Lifecycle,
            Depth = start.Depth,
        };
        var runtime = new WorkflowRuntime(start);
        _interpreter = new FlowInterpreter(run, runtime, start.Carry);
        _inbox = new EventInbox(runtime, start.Inbox, _interpreter.Deliver);
        foreach (var message in _early)
        {
            message(_interpreter);
        }
        if (_suspendedEarly)
        {
            _interpreter.Suspend();
        }
        var filters = start.Subscribe ? FlowEventFilters.Of(_flow) : [];
        if (filters.Count > 0)
        {
            await _inbox.SubscribeAsync(run.Id, filters, new DateTimeOffset(Workflow.Info.WorkflowStartTime, TimeSpan.Zero), null, CancellationToken.None);
        }
        else
        {
            _inbox.Open();
        }
        var outcome = await _interpreter.RunAsync(Workflow.CancellationToken);
        _status = outcome.Status;
        if (filters.Count > 0 && outcome.Status != FlowStatus.Continued)
        {
            await _inbox.UnsubscribeAsync(run.Id);
        }
        switch (outcome.Status)
        {
            case FlowStatus.Completed:
                return RawValues.Raw(outcome.Output);
            case FlowStatus.Continued:
                throw Workflow.CreateContinueAsNewException(Name, [start with { Carry = outcome.Carry, Inbox = filters.Count > 0 ? _inbox.State : null }]);
            case FlowStatus.Cancelled:
                throw new OperationCanceledException("The flow was cancelled.", Workflow.CancellationToken);
            default:
                throw Failure(outcome.Error!);
        }
    }

    /// <summary>Gives the run an event, in the JSON format of CloudEvents.</summary>
    [WorkflowSignal("event")]
    public Task EventAsync(IRawValue cloudEvent, FlowEventPlace? place = null) => TellAsync(_ => _inbox!.Receive(cloudEvent, place));

    /// <summary>Gives the run an answer that a function promised; one without a token is nobody's, and ignored.</summary>
    [WorkflowSignal(AnswerSignal)]
    public Task AnswerAsync(IRawValue answer) => TellAsync(run =>
    {
        var message = RawValues.Value(answer);
        if (message["token"].TryGetString(out var token))
        {
            run.Answer(token, new LateAnswer(message["value"], FlowError.FromValue(message["error"])));
        }
    });

    /// <summary>Signals may come before the run has begun.</summary>
    private Task TellAsync(Action<FlowInterpreter> message)
    {
        if (_interpreter is null)
        {
            _early.Add(message);
        }
        else
        {
            message(_interpreter);
        }
        return Task.CompletedTask;
    }

    /// <summary>Holds the run before its next task.</summary>
    [WorkflowSignal("suspend")]
    public Task SuspendAsync()
    {
        _suspendedEarly = _interpreter is null;
        _interpreter?.Suspend();
        return Task.CompletedTask;
    }

    [WorkflowSignal("resume")]
    public Task ResumeAsync()
    {
        _suspendedEarly = false;
        _interpreter?.Resume();
        return Task.CompletedTask;
    }

    [WorkflowQuery("state")]
    public FlowRunState State() => new(
        (_status == FlowStatus.Running && _interpreter is { Suspended: true } ? FlowStatus.Suspended
            : _status == FlowStatus.Running && (_interpreter is { IsListening: true } or { IsAwaiting: true }) ? FlowStatus.Waiting : _status).ToString().ToLowerInvariant(),
        _flow?.Document.Reference ?? "", _flow?.Hash ?? "", _interpreter?.IsListening ?? false, _interpreter?.Context ?? default, [.. _interpreter?.Steps ?? []]);

    /// <summary>Input and output of a step that <see cref="State"/> lists; null for one that it does not.</summary>
    [WorkflowQuery("step")]
    public FlowStepData? Step(int number) =>
        _interpreter?.Steps.FirstOrDefault(step => step.Number == number) is { } step ? new(step.Input, step.Output) : null;

    private static ApplicationFailureException Failure(FlowError error) =>
        new(error.Detail ?? error.Title ?? error.Type, errorType: error.Type, nonRetryable: true, details: [RawValues.Raw(error.ToValue())]);

    /// <summary>Definitions parsed before; the same text gives the same immutable definition.</summary>
    private static class FlowCache
    {
        private const int Max = 256;

        private static readonly ConcurrentDictionary<string, FlowDefinition> Known = new(StringComparer.Ordinal);

        public static FlowDefinition Get(string text)
        {
            if (Known.TryGetValue(text, out var flow))
            {
                return flow;
            }
            var (definition, problems) = FlowReader.Read(text);
            if (definition is null)
            {
                throw Failure(FlowErrors.Configuration($"The flow is not valid: {string.Join("; ", problems.Take(5))}") with { Instance = "/" });
            }
            if (Known.Count >= Max)
            {
                Known.Clear();
            }
            return Known[text] = definition;
        }
    }
}
