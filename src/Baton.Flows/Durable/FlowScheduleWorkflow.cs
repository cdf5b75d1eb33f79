using Baton.Flows.Expressions;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Telemetry;
using Baton.Jq;
using Cronos;
using Temporalio.Converters;
using Temporalio.Exceptions;
using Temporalio.Workflows;

namespace Baton.Flows.Durable;

/// <summary>Input of <see cref="FlowScheduleWorkflow"/>; what it carries over is set by itself.</summary>
public sealed record FlowScheduleStart
{
    public required string Definition { get; init; }

    public FlowLifecycle Lifecycle { get; init; }

    public bool Subscribe { get; init; }

    /// <inheritdoc cref="FlowStart.Indexed"/>
    public bool Indexed { get; init; }

    /// <summary>Runs started so far.</summary>
    public int Runs { get; init; }

    public DateTimeOffset? NextEvery { get; init; }

    public DateTimeOffset? NextCron { get; init; }

    public DateTimeOffset? NextAfter { get; init; }

    public FlowCarry? Listening { get; init; }

    public EventInboxState? Inbox { get; init; }

    /// <summary>Events from then on are its; default: its start.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>In place of <see cref="Since"/>: the place in the log from which on events are its, see <see cref="FlowHandOver"/>.</summary>
    public long? From { get; init; }

    /// <summary>It was asked to end.</summary>
    public FlowEventPlace? End { get; init; }

    /// <summary>Events after which the schedule continues as new, 0 for when the server suggests it. For tests.</summary>
    public int ContinueAfterEvents { get; init; }
}

/// <summary>
/// Starts the runs of one flow that has a schedule: <c>every</c> and <c>cron</c> (UTC) at their times whether or not the run
/// before has ended, <c>after</c> at once and then that long after each end, <c>on</c> whenever its events have come, which
/// are the run's input. Runs are children that outlive it; it lives until it is cancelled, or asked to hand over.
/// </summary>
/// <remarks>
/// A schedule that replaces another gets the events from the place on where that one ended (signal <c>end</c>): the old one decides the
/// place, as only it knows what it has had; hears everything before it, from the log where the signals are still to come; and
/// has the place as its result. So each event is one schedule's, whatever dies meanwhile. A set of events that is not
/// complete then starts none of the old revision's runs.
/// </remarks>
[Workflow(Name)]
public sealed class FlowScheduleWorkflow
{
    public const string Name = "BatonFlowSchedule";

    // Durable execution bounds the children that a part of a run may have open, and those that it asks for at once.
    private const int MaxRunsOfPart = 1_000;
    private const int MaxStarting = 200;

    private readonly List<(IRawValue Event, FlowEventPlace? Place)> _early = [];
    private readonly List<Task> _starting = [];

    private FlowInterpreter? _listener;
    private EventInbox? _inbox;
    private FlowScheduleStart _state = null!;
    private FlowDocument _document = null!;
    private FlowEventPlace? _end;

    [WorkflowRun]
    public async Task<FlowHandOver> RunAsync(FlowScheduleStart start)
    {
        _state = start;
        _end ??= start.End;
        var (flow, problems) = FlowReader.Read(start.Definition);
        if (flow?.Schedule is not { } schedule)
        {
            throw new ApplicationFailureException(flow is null ? $"The flow is not valid: {problems[0]}" : "The flow has no schedule.", errorType: FlowErrors.Configuration("").Type, nonRetryable: true);
        }
        _document = flow.Document;
        var scope = new ExpressionScope(JqValue.Null, System.Collections.Immutable.ImmutableDictionary<string, JqValue>.Empty);
        var cron = schedule.Cron is { } text ? CronExpression.Parse(text) : null;
        var every = schedule.Every?.Evaluate(scope);
        var after = schedule.After?.Evaluate(scope);
        var now = Now();
        _state = _state with
        {
            NextEvery = every is null ? null : start.NextEvery ?? now + every,
            NextCron = cron is null ? null : start.NextCron ?? Next(cron, now),
            NextAfter = after is null ? null : start.NextAfter ?? now,
        };
        Task? ended = null;
        var heard = schedule.On is null ? null : Listen(flow, start.Listening);
        if (schedule.On is { } strategy)
        {
            await HearAsync(strategy, start);
        }
        while (true)
        {
            if (_end is not null)
            {
                return heard is null ? new FlowHandOver(null) : await HandOverAsync(flow, schedule.On!, heard);
            }
            if (ended is null && heard?.IsCompleted != true && ShouldContinue(start))
            {
                _listener?.Cut();
                var cut = heard is null ? null : await heard;
                // It may have heard its events before it could be cut: these come first.
                if (cut is null or { Status: FlowStatus.Continued })
                {
                    await Task.WhenAll(_starting);
                    throw Workflow.CreateContinueAsNewException(Name, [_state with { Listening = cut?.Carry, Inbox = _inbox?.State, End = _end }]);
                }
            }
            await WaitAsync(() => _end is not null || heard?.IsCompleted == true || ended?.IsCompleted == true || (ended is null && ShouldContinue(start)));
            now = Now();
            if (heard?.IsCompleted == true)
            {
                heard = await RespondAsync(flow, heard);
            }
            if (ended?.IsCompleted == true)
            {
                ended = null;
                _state = _state with { NextAfter = now + after };
            }
            if (_state.NextEvery <= now)
            {
                await StartAsync(JqValue.FromObject([]));
                _state = _state with { NextEvery = _state.NextEvery + every > now ? _state.NextEvery + every : now + every };
            }
            if (_state.NextCron <= now)
            {
                await StartAsync(JqValue.FromObject([]));
                _state = _state with { NextCron = Next(cron!, now) };
            }
            if (_state.NextAfter <= now && ended is null)
            {
                var running = await StartAsync(JqValue.FromObject([]));
                _state = _state with { NextAfter = null };
                ended = EndAsync(running);
            }
        }
    }

    [WorkflowSignal("event")]
    public Task EventAsync(IRawValue cloudEvent, FlowEventPlace? place = null)
    {
        if (_inbox is null)
        {
            _early.Add((cloudEvent, place));
        }
        else
        {
            _inbox.Receive(cloudEvent, place);
        }
        return Task.CompletedTask;
    }

    /// <summary>Asks it to end: events from the given place on, or from where it is if that is further, are its successor's.</summary>
    /// <param name="place">The end of the log, and where the bus has signalled everything before.</param>
    [WorkflowSignal("end")]
    public Task EndAsync(FlowEventPlace place)
    {
        _end ??= place;
        return Task.CompletedTask;
    }

    /// <summary>Runs started so far, and when the next is due.</summary>
    [WorkflowQuery("schedule")]
    public FlowScheduleState State() => new(_state.Runs, new[] { _state.NextEvery, _state.NextCron, _state.NextAfter }.Min());

    /// <summary>The events are awaited by the interpreter itself, in a flow with nothing but a listen task.</summary>
    private Task<FlowOutcome> Listen(FlowDefinition flow, FlowCarry? carry, IReadOnlyList<ConsumedEvent>? unread = null)
    {
        var definition = JqValue.FromObject(
        [
            new("document", JqValue.Parse(flow.Source.Find("document")!.ToUtf8Json())),
            new("do", JqValue.FromArray([JqValue.FromObject([new("trigger", JqValue.FromObject([new("listen", JqValue.FromObject(
            [
                new("to", JqValue.Parse(flow.Source.Find("schedule")!.Find("on")!.ToUtf8Json())),
                // The language's own examples read envelopes where 'read' is not given.
                new("read", flow.Source.Find("schedule")!.Find("read")?.Text ?? "envelope"),
            ]))]))])])),
        ]);
        var (trigger, problems) = FlowReader.Read(definition.ToJson());
        var run = new FlowRun
        {
            Flow = trigger ?? throw new ApplicationFailureException(problems[0].ToString(), nonRetryable: true),
            Id = Workflow.Info.WorkflowId,
            Key = $"{Workflow.Info.WorkflowId}/{_state.Runs}",
            Input = JqValue.FromObject([]),
            StartedAt = Now(),
            // Each is a run to be started: they may come faster than runs start.
            MaxUnread = int.MaxValue,
        };
        _listener = new FlowInterpreter(run, new WorkflowRuntime(new FlowStart { Definition = "", ContinueAfterEvents = int.MaxValue }), carry);
        foreach (var waiting in unread ?? [])
        {
            _listener.Deliver(waiting.Value);
        }
        return _listener.RunAsync(Workflow.CancellationToken);
    }

    private async Task HearAsync(FlowEventStrategy strategy, FlowScheduleStart start)
    {
        var runtime = new WorkflowRuntime(new FlowStart { Definition = "", ContinueAfterEvents = int.MaxValue });
        _inbox = new EventInbox(runtime, start.Inbox, cloudEvent => _listener!.Deliver(cloudEvent));
        foreach (var (cloudEvent, place) in _early)
        {
            _inbox.Receive(cloudEvent, place);
        }
        _early.Clear();
        if (start.Subscribe)
        {
            await _inbox.SubscribeAsync(
                Workflow.Info.WorkflowId, FlowEventFilters.Of(strategy), start.Since ?? new DateTimeOffset(Workflow.Info.WorkflowStartTime, TimeSpan.Zero), start.From, Workflow.CancellationToken);
        }
        else
        {
            _inbox.Open();
        }
    }

    /// <summary>Starts a run with what was heard, and listens again, without waiting for each start.</summary>
    private async Task<Task<FlowOutcome>> RespondAsync(FlowDefinition flow, Task<FlowOutcome> heard)
    {
        var events = (await heard).Output;
        if (_starting.Count == MaxStarting)
        {
            await Task.WhenAll(_starting);
            _starting.Clear();
        }
        _starting.Add(StartAsync(events));
        return Listen(flow, null, _listener!.Unread);
    }

    private async Task<FlowHandOver> HandOverAsync(FlowDefinition flow, FlowEventStrategy strategy, Task<FlowOutcome> heard)
    {
        long? next = _state.Subscribe ? await _inbox!.CatchUpAsync(Workflow.Info.WorkflowId, FlowEventFilters.Of(strategy), _end!, Workflow.CancellationToken) : null;
        while (true)
        {
            await Workflow.WaitConditionAsync(() => heard.IsCompleted || _listener!.IsWaitingForEvents);
            if (!heard.IsCompleted)
            {
                break;
            }
            heard = await RespondAsync(flow, heard);
        }
        await Task.WhenAll(_starting);
        if (_state.Subscribe)
        {
            await _inbox!.UnsubscribeAsync(Workflow.Info.WorkflowId);
        }
        return new(next);
    }

    private async Task<ChildWorkflowHandle<FlowWorkflow, RawValue>> StartAsync(JqValue input)
    {
        WorkflowTrace.Current?.Follow(input);
        var number = _state.Runs + 1;
        _state = _state with { Runs = number };
        return await Workflow.StartChildWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(new FlowStart
        {
            Definition = _state.Definition,
            Input = input,
            Lifecycle = _state.Lifecycle,
            Subscribe = _state.Subscribe,
            Indexed = _state.Indexed,
        }), new ChildWorkflowOptions
        {
            Id = $"{Workflow.Info.WorkflowId}-{number}",
            ParentClosePolicy = ParentClosePolicy.Abandon,
            TypedSearchAttributes = _state.Indexed ? FlowAttributes.Of(_document.Namespace, _document.Name, _document.Version) : null,
            Memo = Publisher(input) is { } publisher ? new Dictionary<string, object> { [FlowAttributes.StartedBy] = publisher } : null,
        });
    }

    /// <summary>Who sent the event that starts a run, or the first of them who is known; null where a time starts it.</summary>
    private static string? Publisher(JqValue input) => input.Kind != JqKind.Array ? null : input.EnumerateArray()
        .Select(one => one.Kind == JqKind.Object && one[FlowAttributes.Publisher].TryGetString(out var publisher) ? publisher : null)
        .FirstOrDefault(publisher => publisher is not null);

    private static async Task EndAsync(ChildWorkflowHandle<FlowWorkflow, RawValue> child)
    {
        try
        {
            await child.GetResultAsync();
        }
        catch (ChildWorkflowFailureException)
        {
            // How a run ends is its own matter; the next one follows all the same.
        }
    }

    private async Task WaitAsync(Func<bool> condition)
    {
        var due = new[] { _state.NextEvery, _state.NextCron, _state.NextAfter }.Min();
        if (due is not { } time)
        {
            await Workflow.WaitConditionAsync(condition);
        }
        else if (time > Now())
        {
            await Workflow.WaitConditionAsync(condition, time - Now());
        }
    }

    private bool ShouldContinue(FlowScheduleStart start) => _state.Runs - start.Runs >= MaxRunsOfPart
        || (start.ContinueAfterEvents > 0 ? Workflow.CurrentHistoryLength > start.ContinueAfterEvents : Workflow.ContinueAsNewSuggested);

    private static DateTimeOffset Now() => new(Workflow.UtcNow, TimeSpan.Zero);

    private static DateTimeOffset? Next(CronExpression cron, DateTimeOffset from) => cron.GetNextOccurrence(from, TimeZoneInfo.Utc);
}

/// <summary>Result of a schedule that was asked to end.</summary>
/// <param name="Next">Place in the log from which on events are its successor's; null where it listened to none.</param>
public sealed record FlowHandOver(long? Next);

/// <summary>What the query <c>schedule</c> tells.</summary>
public sealed record FlowScheduleState(int Runs, DateTimeOffset? Next);
