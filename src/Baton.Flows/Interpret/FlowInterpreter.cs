using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// Runs one flow. Invariants:
/// <list type="number">
/// <item>One logical thread: nothing here awaits anything but the runtime and its own tasks, so state needs no lock.</item>
/// <item>Deterministic: the same flow, input and answers of the runtime give the same calls in the same order.</item>
/// <item>At every await, <see cref="FlowPosition"/> says where the run is. When the runtime asks for it, tasks stop at
/// their next safe point (before a task, or while waiting); once no call is under way the run is cut and carried over.</item>
/// <item>An error leaves a task as <see cref="FlowFaultException"/> with the task as its instance.</item>
/// </list>
/// </summary>
internal sealed partial class FlowInterpreter
{
    private const int MaxSteps = 2_000;
    private const int MaxPureTasks = 1_000;

    private readonly FlowRun _run;
    private readonly FlowDefinition _flow;
    private readonly IFlowRuntime _runtime;
    private readonly FlowCarry _carry;
    private readonly bool _resumed;
    private readonly LifecycleOutbox _lifecycle;
    private readonly List<FlowStep> _steps = [];
    private readonly Dictionary<string, int> _attempts = [];
    private readonly List<Listener> _listeners = [];
    private readonly Dictionary<string, string> _fetched = [];

    private JqValue _workflowDescriptor;
    private int _busy;
    private int _pure;
    private bool _parking;
    private bool _begun;

    /// <param name="carry">What an earlier part of the same run carried over, or null for a new run.</param>
    public FlowInterpreter(FlowRun run, IFlowRuntime runtime, FlowCarry? carry = null)
    {
        _run = run;
        _flow = run.Flow;
        _runtime = runtime;
        _resumed = carry is not null;
        _begun = _resumed;
        _carry = carry ?? new FlowCarry { StartedAt = run.StartedAt, Key = run.Key };
        _carry.Large |= carry is null && LargeValues.HasReference(run.Input);
        _lifecycle = new LifecycleOutbox(run, runtime);
    }

    public bool Suspended => _carry.Suspended;

    /// <summary>The executions of tasks, the oldest first; at most the last 2,000.</summary>
    public IReadOnlyList<FlowStep> Steps => _steps;

    public bool IsListening => _listeners.Count > 0;

    /// <summary>Only events make it go on: it has dealt with all that were delivered.</summary>
    public bool IsWaitingForEvents => IsListening && _listeners.TrueForAll(listener => listener.IsHungry);

    /// <summary>Whether a task waits for an answer that comes later.</summary>
    public bool IsAwaiting => _awaiting > 0;

    public JqValue Context => _carry.Context;

    /// <summary>Events that no task has taken yet.</summary>
    public IReadOnlyList<ConsumedEvent> Unread => _carry.Unread;

    /// <summary>Cuts the run at its next safe point, as the runtime may ask for too.</summary>
    public void Cut() => _parking = true;

    /// <summary>Runs to the end, or to a cut.</summary>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public async Task<FlowOutcome> RunAsync(CancellationToken cancellationToken)
    {
        var work = RunToEndAsync(cancellationToken);
        await _runtime.WaitAsync(() => work.IsCompleted || (_parking && _busy == 0 && _lifecycle.IsIdle), null, CancellationToken.None);
        if (!work.IsCompleted)
        {
            return new FlowOutcome(FlowStatus.Continued, JqValue.Null, null, _carry);
        }
        var outcome = await work;
        await _runtime.WaitAsync(() => _lifecycle.IsIdle, null, CancellationToken.None);
        return outcome;
    }

    public void Suspend()
    {
        if (!_carry.Suspended)
        {
            _carry.Suspended = true;
            if (_begun)
            {
                _lifecycle.Workflow("suspended", "suspendedAt");
            }
        }
    }

    public void Resume()
    {
        if (_carry.Suspended)
        {
            _carry.Suspended = false;
            _lifecycle.Workflow("resumed", "resumedAt");
        }
    }

    private async Task<FlowOutcome> RunToEndAsync(CancellationToken cancellationToken)
    {
        _workflowDescriptor = JqValue.FromObject(
        [
            new("id", _run.Id),
            new("definition", JqValue.Parse(_flow.Json)),
            new("input", _run.Input),
            new("startedAt", Instant(_carry.StartedAt)),
        ]);
        try
        {
            var output = _flow.Timeout is { } timeout
                ? await TimedAsync(RunBodyAsync, _carry.Deadline ??= _carry.StartedAt + Evaluated("/timeout", () => Duration(timeout).Evaluate(Scope(_run.Input, Locals.None, null))), "The flow", cancellationToken)
                : await RunBodyAsync(cancellationToken);
            _lifecycle.Workflow("completed", "completedAt", ("output", output));
            return new FlowOutcome(FlowStatus.Completed, output, null, null);
        }
        catch (FlowFaultException fault)
        {
            var error = fault.Error with { Instance = fault.Error.Instance ?? "/" };
            _lifecycle.Workflow("faulted", "faultedAt", ("error", error.ToValue()));
            return new FlowOutcome(FlowStatus.Faulted, JqValue.Null, error, null);
        }
        catch (OperationCanceledException)
        {
            _lifecycle.Workflow("cancelled", "cancelledAt");
            return new FlowOutcome(FlowStatus.Cancelled, JqValue.Null, null, null);
        }
    }

    private async Task<JqValue> RunBodyAsync(CancellationToken cancellationToken)
    {
        var position = _carry.Position;
        var input = _run.Input;
        if (!_resumed)
        {
            _lifecycle.Started();
            if (_carry.Suspended)
            {
                _lifecycle.Workflow("suspended", "suspendedAt");
            }
            _begun = true;
            await PrepareSecretsAsync(cancellationToken);
            await ValidateAsync(_flow.Input?.Schema, input, "The input of the flow", "/input", cancellationToken);
            input = await EvaluatedAsync("/input/from", () => _flow.Input?.From?.Evaluate(Scope(_run.Input, Locals.None, null)) ?? _run.Input, cancellationToken);
            // The language sets the context to the transformed input until a task exports another.
            _carry.Context = input;
        }
        var end = await RunListAsync(_flow.Do, input, Locals.None, position.Child("do"), "/do", cancellationToken);
        var output = await EvaluatedAsync("/output/as", () => _flow.Output?.As?.Evaluate(Scope(end.Output, Locals.None, null)) ?? end.Output, cancellationToken);
        await ValidateAsync(_flow.Output?.Schema, output, "The output of the flow", "/output", cancellationToken);
        return output;
    }

    /// <summary>Asks which members each secret has, never their values, and so finds missing ones before any task runs.</summary>
    private async Task PrepareSecretsAsync(CancellationToken cancellationToken)
    {
        if (_flow.Use.Secrets.Length == 0)
        {
            return;
        }
        _carry.SecretPrefix = _runtime.NewId();
        var shapes = await CallAsync(new FlowCall("secrets", JqValue.FromArray(_flow.Use.Secrets.Select(JqValue.From))), "/use/secrets", "secrets", null, cancellationToken);
        _carry.Secrets = JqValue.FromObject(_flow.Use.Secrets.Select(name => KeyValuePair.Create(name, SecretReferences.Make(_carry.SecretPrefix, name, shapes[name]))));
    }

    /// <summary>Runs the tasks of a list; 'exit' leaves the list, 'end' is passed up.</summary>
    private async Task<Step> RunListAsync(ImmutableArray<FlowTask> tasks, JqValue input, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (!position.Started)
        {
            position.Started = true;
            position.Data = input;
        }
        while (position.Index < tasks.Length)
        {
            await SafePointAsync(locals, cancellationToken);
            var task = tasks[position.Index];
            var child = position.Child(task.Name);
            var visit = position.Visit(task.Name, again: !child.Started);
            var step = await RunTaskAsync(task, position.Data, locals, child, $"{path}/{task.Name}#{visit}", cancellationToken);
            position.Leave(task.Name);
            position.Data = step.Output;
            if (step.Next.IsEnd)
            {
                return step;
            }
            if (step.Next.IsExit)
            {
                return step with { Next = FlowDirective.Continue, Exited = true };
            }
            position.Index = step.Next.Target is { } target ? IndexOf(tasks, target, task) : position.Index + 1;
        }
        return new Step(position.Data, FlowDirective.Continue);
    }

    private static int IndexOf(ImmutableArray<FlowTask> tasks, string target, FlowTask from)
    {
        for (var i = 0; i < tasks.Length; i++)
        {
            if (tasks[i].Name == target)
            {
                return i;
            }
        }
        throw new FlowFaultException(FlowErrors.Configuration($"'then: {target}' of the task '{from.Name}' names no task of its list.") with { Instance = from.Pointer });
    }

    /// <summary>Where a run may stop: because it is suspended, or to be cut. Also yields now and then to the runtime, so
    /// that a flow that loops without ever calling out stays a run that can be watched and cancelled.</summary>
    private async Task SafePointAsync(Locals locals, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_runtime.ShouldContinue)
        {
            _parking = true;
        }
        var parks = _parking && !locals.IsAtomic;
        if (parks || _carry.Suspended)
        {
            await _runtime.WaitAsync(() => !parks && !_carry.Suspended, null, cancellationToken);
        }
        else if (++_pure > MaxPureTasks)
        {
            _pure = 0;
            await _runtime.WaitAsync(static () => false, TimeSpan.FromMilliseconds(1), cancellationToken);
        }
    }

    /// <summary>Runs a body until its deadline; after that it is cancelled, its clean-up is waited for, and the task times out.</summary>
    private async Task<T> TimedAsync<T>(Func<CancellationToken, Task<T>> body, DateTimeOffset deadline, string what, CancellationToken cancellationToken)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var left = deadline - _runtime.UtcNow;
        var work = body(bounded.Token);
        if (await _runtime.WaitAsync(() => work.IsCompleted, left < TimeSpan.Zero ? TimeSpan.Zero : left, CancellationToken.None))
        {
            return await work;
        }
        bounded.Cancel();
        await SettleAsync(work);
        throw new FlowFaultException(FlowErrors.Timeout($"{what} did not end within its time limit."));
    }

    /// <summary>Waits for work that was cancelled; its outcome no longer matters.</summary>
    private async Task SettleAsync(Task work) => await _runtime.WaitAsync(() => work.IsCompleted, null, CancellationToken.None);

    /// <summary>Makes a call out of the flow: only while one is under way is the run not at a safe point.</summary>
    private async Task<JqValue> CallAsync(FlowCall call, string task, string path, TimeSpan? timeout, CancellationToken cancellationToken) =>
        (await AskAsync(call, task, path, timeout, cancellationToken)).Value;

    /// <summary>A call whose answer may come later.</summary>
    private async Task<FlowAnswer> AskAsync(FlowCall call, string task, string path, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        _busy++;
        _pure = 0;
        try
        {
            var answer = await _runtime.CallAsync(Identify(call, task, path) with { Timeout = timeout }, cancellationToken);
            Met(answer.Value);
            return answer;
        }
        finally
        {
            _busy--;
        }
    }

    private FlowCall Identify(FlowCall call, string task, string path) => call with
    {
        IdempotencyKey = IdempotencyKey(path),
        RunId = _run.Id,
        Flow = _flow.Document.Reference,
        Task = task,
        SecretPrefix = _carry.SecretPrefix,
        Secrets = _flow.Use.Secrets,
    };

    /// <summary>Depends on the run and on the way to the task (with iterations and visits, but without retries), on nothing else.</summary>
    private string IdempotencyKey(string path) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{_carry.Key}\n{path}")).AsSpan(0, 16));

    private FlowTimeout Defined(FlowTimeout timeout) => timeout.Reference is { } name
        ? _flow.Use.Timeouts.GetValueOrDefault(name) ?? throw new FlowFaultException(FlowErrors.Configuration($"use.timeouts has no '{name}'."))
        : timeout;

    private FlowDuration Duration(FlowTimeout timeout) => Defined(timeout).After!;

    /// <summary>Where a task list goes on after a task, and with what.</summary>
    /// <param name="Exited">A list ended by 'exit'.</param>
    private readonly record struct Step(JqValue Output, FlowDirective Next, bool Exited = false);

    /// <summary>Variables of enclosing loops, catches and iterators.</summary>
    private readonly record struct Locals(ImmutableDictionary<string, JqValue> Values)
    {
        public static Locals None { get; } = new(ImmutableDictionary<string, JqValue>.Empty);

        /// <summary>Holds the extended task while its extensions run.</summary>
        public const string Extended = "extended";

        /// <summary>Inside an extension, where the run is not cut.</summary>
        public bool IsAtomic => Values.ContainsKey(Extended);

        public Locals With(string name, JqValue value) => new(Values.SetItem(name, value));
    }
}
