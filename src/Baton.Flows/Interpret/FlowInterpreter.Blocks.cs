using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>Blocks: for, fork, try.</content>
internal sealed partial class FlowInterpreter
{
    private async Task<Step> ForAsync(ForTask loop, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var at = position.Child("loop");
        if (!at.Started)
        {
            at.Items = await EvaluatedAsync(loop.Pointer, () => loop.In.Evaluate(Scope(state.Input, locals, state)), cancellationToken);
            if (LargeValues.IsReference(at.Items))
            {
                // The items are needed one by one anyway, and so they come into the history.
                at.Items = await LoadAsync(at.Items, loop.Pointer, cancellationToken);
            }
            if (at.Items.Kind is not (JqKind.Array or JqKind.Null))
            {
                throw new FlowFaultException(FlowErrors.Expression($"'for.in' gave {at.Items.Kind.ToString().ToLowerInvariant()}, not a list."));
            }
            at.Started = true;
            at.Data = state.Input;
        }
        while (at.Index < at.Items.Count)
        {
            var inner = locals.With(loop.Each, at.Items[at.Index]).With(loop.At, at.Index);
            if (loop.While is { } condition && !await EvaluatedAsync(loop.Pointer, () => condition.Evaluate(Scope(at.Data, inner, state)).IsTruthy, cancellationToken))
            {
                break;
            }
            var step = await RunListAsync(loop.Tasks, at.Data, inner, at.Child("do"), $"{path}/do[{at.Index}]", cancellationToken);
            at.Leave("do");
            at.Data = step.Output;
            at.Index++;
            if (step.Next.IsEnd)
            {
                return step;
            }
        }
        return new Step(at.Data, FlowDirective.Continue);
    }

    /// <summary>
    /// All branches get the same input. Competing, the first to complete wins, and the others are cancelled and their
    /// clean-up is awaited; branches that fault lose, and only if all do is the first fault raised. Not competing, a
    /// fault cancels the others. 'end' in a branch ends the flow.
    /// </summary>
    private async Task<Step> ForkAsync(ForkTask fork, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var done = position.Outputs ??= [];
        var running = new List<(FlowTask Branch, Task<Step> Work)>();
        foreach (var branch in fork.Branches.Where(b => !done.ContainsKey(b.Name)))
        {
            running.Add((branch, RunBranchAsync(branch)));
            if (fork.Compete && running[^1].Work.IsCompletedSuccessfully)
            {
                break;
            }
        }
        await _runtime.WaitAsync(() => IsDecided(fork, running), null, CancellationToken.None);
        var winner = running.Find(r => r.Work.IsCompletedSuccessfully && (fork.Compete || r.Work.Result.Next.IsEnd));
        var fault = running.Find(r => r.Work.IsFaulted);
        if (winner.Work is null && fault.Work is null && !cancellationToken.IsCancellationRequested)
        {
            return new Step(JqValue.FromArray(fork.Branches.Select(b => done[b.Name].Output)), FlowDirective.Continue);
        }
        bounded.Cancel();
        foreach (var (_, work) in running)
        {
            await SettleAsync(work);
        }
        cancellationToken.ThrowIfCancellationRequested();
        if (winner.Work is null)
        {
            await fault.Work!;
        }
        var step = await winner.Work!;
        return step with { Next = step.Next.IsEnd ? step.Next : FlowDirective.Continue };

        async Task<Step> RunBranchAsync(FlowTask branch)
        {
            await SafePointAsync(locals, bounded.Token);
            var step = await RunTaskAsync(branch, state.Input, locals, position.Child(branch.Name), $"{path}/branches/{branch.Name}", bounded.Token);
            position.Leave(branch.Name);
            done[branch.Name] = new CompletedBranch(step.Output);
            return step;
        }
    }

    private static bool IsDecided(ForkTask fork, List<(FlowTask Branch, Task<Step> Work)> running) =>
        running.TrueForAll(r => r.Work.IsCompleted)
        || running.Exists(r => r.Work.IsCompletedSuccessfully && (fork.Compete || r.Work.Result.Next.IsEnd))
        || (!fork.Compete && running.Exists(r => r.Work.IsFaulted));

    /// <summary>
    /// An error that the catch does not want goes on. One that it wants is retried while the retry policy has it so; after
    /// that catch.do handles it, or, where there is a policy but neither 'do' nor 'then', it goes on.
    /// </summary>
    private async Task<Step> TryAsync(TryTask attempt, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        position.Stage ??= "body";
        while (true)
        {
            if (position.Stage == "delay")
            {
                await PauseAsync(position.Until!.Value, cancellationToken);
                await SafePointAsync(locals, cancellationToken);
                _lifecycle.Task(attempt, "retried", "retriedAt");
                position.Stage = "body";
            }
            if (position.Stage == "catch")
            {
                return await HandleAsync(attempt, state, locals, position, path, cancellationToken);
            }
            try
            {
                return await AttemptAsync(attempt, state, locals, position, path, cancellationToken);
            }
            catch (FlowFaultException fault)
            {
                position.Leave("try");
                await CatchAsync(attempt, fault, state, locals, position, cancellationToken);
            }
        }
    }

    private async Task<Step> AttemptAsync(TryTask attempt, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (RetryPolicy(attempt) is null)
        {
            return await AttemptBodyAsync(attempt, state, locals, position, path, cancellationToken);
        }
        var traced = _runtime.Trace(new FlowPart(attempt, $"attempt {_carry.Steps} {path}", _runtime.UtcNow, position.Index + 1));
        try
        {
            var step = await AttemptBodyAsync(attempt, state, locals, position, path, cancellationToken);
            traced("completed", null);
            return step;
        }
        catch (FlowFaultException fault)
        {
            traced("faulted", fault.Error);
            throw;
        }
        catch (OperationCanceledException)
        {
            traced("cancelled", null);
            throw;
        }
    }

    private Task<Step> AttemptBodyAsync(TryTask attempt, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var body = position.Child("try");
        if (RetryPolicy(attempt)?.AttemptDuration is not { } limit)
        {
            return RunListAsync(attempt.Tasks, state.Input, locals, body, path + "/try", cancellationToken);
        }
        body.Deadline ??= _runtime.UtcNow + Evaluated(attempt.Pointer, () => limit.Evaluate(Scope(state.Input, locals, state)));
        return TimedAsync(token => RunListAsync(attempt.Tasks, state.Input, locals, body, path + "/try", token), body.Deadline.Value, $"An attempt of the task '{attempt.Name}'", cancellationToken);
    }

    /// <summary>Decides what follows an error: sets the stage to delay or catch, or throws the error on.</summary>
    private async Task CatchAsync(TryTask attempt, FlowFaultException fault, TaskState state, Locals locals, FlowPosition position, CancellationToken cancellationToken)
    {
        var error = fault.Error with { Instance = fault.Error.Instance ?? attempt.Pointer };
        var value = error.ToValue();
        var inner = locals.With("error", value).With(attempt.Catch.As, value);
        if (!Matches(attempt.Catch, error) || !await HoldsAsync(attempt.Catch.When, true) || await HoldsAsync(attempt.Catch.ExceptWhen, false))
        {
            throw new FlowFaultException(error);
        }
        position.Items = value;
        if (RetryPolicy(attempt) is not { } policy)
        {
            position.Stage = "catch";
            return;
        }
        if (await HoldsAsync(policy.When, true) && !await HoldsAsync(policy.ExceptWhen, false)
            && NextDelay(policy, position, Scope(state.Input, inner, state), attempt) is { } delay)
        {
            position.Index++;
            position.Until = _runtime.UtcNow + delay;
            position.Stage = "delay";
            return;
        }
        if (attempt.Catch.Do.IsEmpty && attempt.Catch.Then is null)
        {
            throw new FlowFaultException(error);
        }
        position.Stage = "catch";

        async ValueTask<bool> HoldsAsync(FlowExpression? condition, bool absent) =>
            condition is null ? absent : await EvaluatedAsync(attempt.Pointer, () => condition.Evaluate(Scope(state.Input, inner, state)).IsTruthy, cancellationToken);
    }

    private FlowRetryPolicy? RetryPolicy(TryTask attempt) => attempt.Catch.RetryReference is { } name
        ? _flow.Use.Retries.GetValueOrDefault(name) ?? throw new FlowFaultException(FlowErrors.Configuration($"use.retries has no '{name}'."))
        : attempt.Catch.Retry;

    /// <returns>The delay before the next attempt, or null if a limit is reached.</returns>
    private TimeSpan? NextDelay(FlowRetryPolicy policy, FlowPosition position, ExpressionScope scope, TryTask attempt)
    {
        if (policy.AttemptCount is { } count && position.Index >= count)
        {
            return null;
        }
        TimeSpan Of(FlowDuration? duration) => duration is null ? TimeSpan.Zero : Evaluated(attempt.Pointer, () => duration.Evaluate(scope));
        var factor = policy.Backoff switch
        {
            FlowBackoff.Linear => position.Index + 1,
            FlowBackoff.Exponential => Math.Pow(2, position.Index),
            _ => 1,
        };
        var seconds = Math.Min(Of(policy.Delay).TotalSeconds * factor, FlowDurations.Max.TotalSeconds);
        if (policy.JitterTo is not null)
        {
            var (from, to) = (Of(policy.JitterFrom).TotalSeconds, Of(policy.JitterTo).TotalSeconds);
            seconds += from + (_runtime.NextDouble() * Math.Max(0, to - from));
        }
        var delay = TimeSpan.FromSeconds(seconds);
        return policy.Duration is not null && _runtime.UtcNow + delay > position.StartedAt!.Value + Of(policy.Duration) ? null : delay;
    }

    private async Task<Step> HandleAsync(TryTask attempt, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var inner = locals.With("error", position.Items).With(attempt.Catch.As, position.Items);
        var step = await RunListAsync(attempt.Catch.Do, state.Input, inner, position.Child("catch"), path + "/catch/do", cancellationToken);
        return step.Next.IsEnd || attempt.Catch.Then is not { } then ? step : step with { Next = then with { IsExplicit = true } };
    }

    private static bool Matches(FlowCatch filter, FlowError error)
    {
        foreach (var (member, expected) in filter.Errors)
        {
            var matches = member switch
            {
                "type" => FlowErrors.Canonical(expected.Text ?? "") == FlowErrors.Canonical(error.Type),
                "status" => int.TryParse(expected.Text, System.Globalization.CultureInfo.InvariantCulture, out var status) && status == error.Status,
                "instance" => expected.Text == error.Instance,
                "title" => expected.Text == error.Title,
                _ => expected.Text == error.Detail,
            };
            if (!matches)
            {
                return false;
            }
        }
        return true;
    }
}
