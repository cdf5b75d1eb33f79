using Baton.Flows.Expressions;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Jq;

namespace Baton.Flows.Testing;

/// <summary>
/// Runs flows in memory with the same interpreter: time is skipped to the next thing that is due, ids and random numbers
/// come from a seed, and whoever runs it answers the calls. One thread pumps everything, so a run is reproducible.
/// </summary>
internal sealed class FlowSimulation : IFlowRuntime
{
    private readonly PumpContext _pump = new();
    private readonly List<Waiter> _waiters = [];
    private readonly PriorityQueue<Action, (DateTimeOffset Due, int Order)> _timeline = new();
    private readonly Random _random = new(1);
    private readonly Func<FlowCall, CancellationToken, Task<FlowAnswer>> _answer;
    private readonly List<FlowInterpreter> _running = [];
    private readonly Func<string, string, string, string?> _definitions;
    private int _ids;
    private int _order;
    private int _pending;

    /// <param name="start">The time at which the run starts.</param>
    /// <param name="answer">Answers calls; may throw <see cref="FlowFaultException"/>.</param>
    /// <param name="definitions">Finds subflows by namespace, name and version.</param>
    public FlowSimulation(DateTimeOffset start, Func<FlowCall, CancellationToken, Task<FlowAnswer>> answer, Func<string, string, string, string?>? definitions = null)
    {
        UtcNow = start;
        _answer = answer;
        _definitions = definitions ?? ((_, _, _) => null);
    }

    public DateTimeOffset UtcNow { get; private set; }

    /// <summary>Cuts the run at the next safe point when it gives true; the simulation then goes on with the position carried over.</summary>
    public Func<bool> Cut { get; init; } = static () => false;

    public int Mark => 0;

    public bool ShouldContinue => Cut();

    /// <summary>The interpreter that runs at the moment.</summary>
    public FlowInterpreter? Current { get; private set; }

    /// <summary>How often the run was cut and continued.</summary>
    public int Continuations { get; private set; }

    public double NextDouble() => _random.NextDouble();

    public Action<string, FlowError?> Trace(FlowPart part) => static (_, _) => { };

    public string NewId() => $"00000000-0000-4000-8000-{++_ids:x12}";

    /// <summary>Does something to the run at a time.</summary>
    public void At(DateTimeOffset due, Action<FlowInterpreter> action) => _timeline.Enqueue(() => action(Current!), (due, _order++));

    /// <summary>Gives an answer that a call promised, at a time; whichever run waits for it takes it.</summary>
    public void AnswerAt(DateTimeOffset due, string token, LateAnswer answer) => At(due, _ => _running.ForEach(run => run.Answer(token, answer)));

    /// <summary>Runs a flow to its end.</summary>
    public FlowOutcome Run(FlowDefinition flow, JqValue input, FlowLifecycle lifecycle = FlowLifecycle.None, CancellationToken cancellationToken = default)
    {
        var run = new FlowRun { Flow = flow, Id = "simulated", Key = "simulated", Input = input, StartedAt = UtcNow, Lifecycle = lifecycle };
        FlowOutcome? outcome = null;
        do
        {
            // The position goes through its serialized form, as it does in continue-as-new.
            var carry = outcome?.Carry is { } cut ? System.Text.Json.JsonSerializer.Deserialize<FlowCarry>(System.Text.Json.JsonSerializer.Serialize(cut)) : null;
            Continuations += carry is null ? 0 : 1;
            Current = new FlowInterpreter(run, this, carry);
            _running.Add(Current);
            outcome = Pump(() => Current.RunAsync(cancellationToken));
            _running.Remove(Current);
        }
        while (outcome.Status == FlowStatus.Continued);
        return outcome;
    }

    public Task<bool> WaitAsync(Func<bool> condition, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (condition())
        {
            return Task.FromResult(true);
        }
        var waiter = new Waiter(condition, timeout is { } bound ? UtcNow + bound : null, cancellationToken);
        _waiters.Add(waiter);
        return waiter.Task;
    }

    public async Task<FlowAnswer> CallAsync(FlowCall call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _pending++;
        try
        {
            return await _answer(call, cancellationToken);
        }
        finally
        {
            _pending--;
        }
    }

    public async Task<JqValue> RunFlowAsync(SubflowCall call, CancellationToken cancellationToken)
    {
        var text = call.Definition ?? _definitions(call.Namespace, call.Name, call.Version)
            ?? throw new FlowFaultException(FlowErrors.Configuration($"There is no flow {call.Namespace}/{call.Name}:{call.Version} here."));
        var (flow, problems) = FlowReader.Read(text);
        if (flow is null)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"The flow {call.Name} is not valid: {problems[0]}"));
        }
        var run = new FlowRun { Flow = flow, Id = $"simulated/{call.Name}", Key = call.Key, Input = call.Input, StartedAt = UtcNow, Depth = ++_depth };
        try
        {
            var work = RunToEndAsync(run, cancellationToken);
            if (!call.Await)
            {
                return JqValue.Null;
            }
            var outcome = await work;
            return outcome.Status == FlowStatus.Completed ? outcome.Output
                : outcome.Error is { } error ? throw new FlowFaultException(error) : throw new OperationCanceledException(cancellationToken);
        }
        finally
        {
            _depth--;
        }
    }

    private async Task<FlowOutcome> RunToEndAsync(FlowRun run, CancellationToken cancellationToken)
    {
        FlowOutcome? outcome = null;
        do
        {
            var interpreter = new FlowInterpreter(run, this, outcome?.Carry);
            _running.Add(interpreter);
            outcome = await interpreter.RunAsync(cancellationToken);
            _running.Remove(interpreter);
        }
        while (outcome.Status == FlowStatus.Continued);
        return outcome;
    }

    private int _depth;

    public async Task<JqValue> RunActivityAsync(JqValue arguments, string idempotencyKey, CancellationToken cancellationToken) =>
        (await CallAsync(new FlowCall("activity", arguments) { IdempotencyKey = idempotencyKey }, cancellationToken)).Value;

    private FlowOutcome Pump(Func<Task<FlowOutcome>> start)
    {
        var before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(_pump);
        try
        {
            var work = start();
            while (!work.IsCompleted)
            {
                // While a real call is under way, time passes as it does; otherwise it is skipped.
                if (!_pump.RunOne(TimeSpan.Zero) && !WakeWaiters() && !(_pending > 0 && _pump.RunOne(UntilDue())) && !Advance())
                {
                    throw new InvalidOperationException("The flow waits for something that never comes: an event that no one sends, an answer, or a 'resume'.");
                }
            }
            _waiters.Clear();
            return work.GetAwaiter().GetResult();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }

    private bool WakeWaiters()
    {
        foreach (var waiter in _waiters)
        {
            if (waiter.Task.IsCompleted || waiter.TryWake(UtcNow))
            {
                _waiters.Remove(waiter);
                return true;
            }
        }
        return false;
    }

    private TimeSpan UntilDue()
    {
        var next = _waiters.Min(w => w.Deadline);
        var due = _timeline.TryPeek(out _, out var planned) && (next is null || planned.Due <= next) ? planned.Due : next;
        return due is not { } time ? Timeout.InfiniteTimeSpan : time > UtcNow ? time - UtcNow : TimeSpan.Zero;
    }

    /// <summary>Moves time to what is due next.</summary>
    private bool Advance()
    {
        var next = _waiters.Min(w => w.Deadline);
        if (_timeline.TryPeek(out _, out var due) && (next is null || due.Due <= next))
        {
            UtcNow = due.Due > UtcNow ? due.Due : UtcNow;
            _timeline.Dequeue()();
            return true;
        }
        if (next is not { } time)
        {
            return false;
        }
        UtcNow = time > UtcNow ? time : UtcNow;
        return true;
    }

    private sealed class Waiter
    {
        private readonly TaskCompletionSource<bool> _done = new();
        private readonly Func<bool> _condition;
        private readonly CancellationToken _cancellation;

        public Waiter(Func<bool> condition, DateTimeOffset? deadline, CancellationToken cancellationToken)
        {
            _condition = condition;
            Deadline = deadline;
            _cancellation = cancellationToken;
        }

        public DateTimeOffset? Deadline { get; }

        public Task<bool> Task => _done.Task;

        public bool TryWake(DateTimeOffset now) =>
            _cancellation.IsCancellationRequested ? _done.TrySetCanceled(_cancellation)
            : _condition() ? _done.TrySetResult(true)
            : Deadline <= now && _done.TrySetResult(false);
    }

    /// <summary>Runs continuations on the pumping thread, in the order in which they came.</summary>
    private sealed class PumpContext : SynchronizationContext
    {
        private readonly System.Collections.Concurrent.BlockingCollection<(SendOrPostCallback Callback, object? State)> _queue = [];

        public override void Post(SendOrPostCallback d, object? state) => _queue.Add((d, state));

        public bool RunOne(TimeSpan wait)
        {
            var bounded = wait > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : wait;
            if (!_queue.TryTake(out var next, bounded))
            {
                return false;
            }
            next.Callback(next.State);
            return true;
        }
    }
}
