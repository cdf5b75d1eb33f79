using System.Collections.Immutable;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>What all tasks have in common, and the tasks that only steer or set data.</content>
internal sealed partial class FlowInterpreter
{
    /// <summary>
    /// One task: (1) if, (2) input schema and input.from, (3) extensions before, (4) the task itself within its timeout,
    /// (5) extensions after, (6) output.as and schema, (7) export, (8) where to go.
    /// </summary>
    private async Task<Step> RunTaskAsync(FlowTask task, JqValue raw, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var resumed = position.Started;
        position.Started = true;
        position.StartedAt ??= _runtime.UtcNow;
        var state = new TaskState(task, raw, position.StartedAt.Value);
        // 1. A task that is skipped passes its input on, and its 'then' does not apply.
        if (!resumed && task.If is { } condition && !await EvaluatedAsync(task.Pointer, () => condition.Evaluate(Scope(raw, locals, state)).IsTruthy, cancellationToken))
        {
            Record(task, "skipped", position, path, raw);
            return new Step(raw, FlowDirective.Continue);
        }
        var step = Record(task, "running", position, path, raw);
        var traced = _runtime.Trace(new FlowPart(task, $"step {step}", position.StartedAt.Value));
        if (!resumed)
        {
            _lifecycle.Task(task, "created", "createdAt");
            _lifecycle.Task(task, "started", "startedAt");
        }
        try
        {
            // 2.
            if (!resumed)
            {
                await ValidateAsync(task.Input?.Schema, raw, $"The input of the task '{task.Name}'", task.Pointer, cancellationToken);
                position.Data = await EvaluatedAsync(task.Pointer, () => task.Input?.From?.Evaluate(Scope(raw, locals, state)) ?? raw, cancellationToken);
            }
            state.Input = position.Data;
            // 3. to 5.
            var result = await ExtendAsync(task, state, locals, position, path, cancellationToken);
            state.RawOutput = result.Output;
            // 6.
            state.Output = await EvaluatedAsync(task.Pointer, () => task.Output?.As?.Evaluate(Scope(result.Output, locals, state)) ?? result.Output, cancellationToken);
            await ValidateAsync(task.Output?.Schema, state.Output, $"The output of the task '{task.Name}'", task.Pointer, cancellationToken);
            // 7.
            await ExportAsync(task.Export, state.Output, locals, state, task.Pointer, cancellationToken);
            // 8.
            End(step, "completed", output: state.Output);
            traced("completed", null);
            _lifecycle.Task(task, "completed", "completedAt", ("output", state.Output));
            return new Step(state.Output, result.Next is { IsContinue: true, IsExplicit: false } ? task.Then : result.Next);
        }
        catch (FlowFaultException fault)
        {
            var error = fault.Error.Instance is null ? fault.Error with { Instance = task.Pointer } : fault.Error;
            End(step, "faulted", error);
            traced("faulted", error);
            _lifecycle.Task(task, "faulted", "faultedAt", ("error", error.ToValue()));
            throw new FlowFaultException(error);
        }
        catch (OperationCanceledException)
        {
            End(step, "cancelled");
            traced("cancelled", null);
            _lifecycle.Task(task, "cancelled", "cancelledAt");
            throw;
        }
    }

    private async Task ExportAsync(FlowExport? export, JqValue output, Locals locals, TaskState? state, string pointer, CancellationToken cancellationToken)
    {
        if (export is null)
        {
            return;
        }
        var context = await EvaluatedAsync(pointer, () => export.As?.Evaluate(Scope(output, locals, state)) ?? _carry.Context, cancellationToken);
        await ValidateAsync(export.Schema, context, "The exported context", pointer, cancellationToken);
        _carry.Context = context;
    }

    /// <summary>The task with the extensions that apply to it. An 'exit' in 'before' leaves the task undone, with what was set as its output.</summary>
    private async Task<Step> ExtendAsync(FlowTask task, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (_flow.Use.Extensions.IsEmpty || IsWithinExtension(task))
        {
            return await BoundedAsync(task, state, locals, position, path, cancellationToken);
        }
        var applying = new List<FlowExtension>();
        foreach (var extension in _flow.Use.Extensions)
        {
            if (await AppliesAsync(extension, task, state, locals, cancellationToken))
            {
                applying.Add(extension);
            }
        }
        var data = state.Input;
        if (position.Stage != "extended")
        {
            foreach (var extension in applying.Where(e => e.Before.Length > 0))
            {
                var before = await RunExtensionAsync(extension.Before, data, state, locals, $"{extension.Pointer}/before", path, cancellationToken);
                if (before.Exited || before.Next.IsEnd)
                {
                    return before with { Exited = false };
                }
            }
            position.Stage = "extended";
        }
        var result = await BoundedAsync(task, state, locals, position.Child("extended"), path, cancellationToken);
        state.RawOutput = result.Output;
        foreach (var extension in applying.Where(e => e.After.Length > 0))
        {
            var after = await RunExtensionAsync(extension.After, result.Output, state, locals, $"{extension.Pointer}/after", path, cancellationToken);
            if (after.Next.IsEnd)
            {
                return after;
            }
        }
        return result;
    }

    /// <summary>Extensions see the extended task as <c>$task</c>. They count as one call: the run is not cut inside them.</summary>
    private async Task<Step> RunExtensionAsync(ImmutableArray<FlowTask> tasks, JqValue data, TaskState extended, Locals locals, string pointer, string path, CancellationToken cancellationToken)
    {
        var position = new FlowPosition { Started = true, Data = data };
        _busy++;
        try
        {
            var inner = locals.With(Locals.Extended, extended.Describe());
            while (position.Index < tasks.Length)
            {
                var task = tasks[position.Index];
                var step = await RunTaskAsync(task, position.Data, inner, new FlowPosition(), $"{path}{pointer}/{task.Name}#{position.Visit(task.Name, true)}", cancellationToken);
                position.Data = step.Output;
                if (step.Next.IsEnd || step.Next.IsExit)
                {
                    return step with { Next = step.Next.IsEnd ? step.Next : FlowDirective.Continue, Exited = step.Next.IsExit };
                }
                position.Index = step.Next.Target is { } target ? IndexOf(tasks, target, task) : position.Index + 1;
            }
            return new Step(position.Data, FlowDirective.Continue);
        }
        finally
        {
            _busy--;
        }
    }

    private async ValueTask<bool> AppliesAsync(FlowExtension extension, FlowTask task, TaskState state, Locals locals, CancellationToken cancellationToken) =>
        (extension.Extend == "all" || extension.Extend == task.Kind || (extension.Extend == "composite" && task is DoTask or ForkTask))
        && (extension.When is null || await EvaluatedAsync(extension.Pointer, () => extension.When.Evaluate(Scope(state.Input, locals, state)).IsTruthy, cancellationToken));

    private static bool IsWithinExtension(FlowTask task) => task.Pointer.StartsWith("/use/extensions/", StringComparison.Ordinal);

    private Task<Step> BoundedAsync(FlowTask task, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (task.Timeout is not { } timeout)
        {
            return ExecuteAsync(task, state, locals, position, path, cancellationToken);
        }
        position.Deadline ??= _runtime.UtcNow + Evaluated(task.Pointer, () => Duration(timeout).Evaluate(Scope(state.Input, locals, state)));
        return TimedAsync(token => ExecuteAsync(task, state, locals, position, path, token), position.Deadline.Value, $"The task '{task.Name}'", cancellationToken);
    }

    private Task<Step> ExecuteAsync(FlowTask task, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken) => task switch
    {
        CallTask call => CallTaskAsync(call, state, locals, position, path, cancellationToken),
        DoTask composite => RunListAsync(composite.Tasks, state.Input, locals, position.Child("do"), path + "/do", cancellationToken),
        EmitTask emit => EmitAsync(emit, state, locals, path, cancellationToken),
        ForTask loop => ForAsync(loop, state, locals, position, path, cancellationToken),
        ForkTask fork => ForkAsync(fork, state, locals, position, path, cancellationToken),
        ListenTask listen => ListenAsync(listen, state, locals, position, path, cancellationToken),
        RaiseTask raise => throw Raise(raise, state, locals),
        RunTask run => RunProcessAsync(run, state, locals, path, cancellationToken),
        SetTask set => SetAsync(set, state, locals, cancellationToken),
        SwitchTask choice => ChooseAsync(choice, state, locals, cancellationToken),
        TryTask attempt => TryAsync(attempt, state, locals, position, path, cancellationToken),
        WaitTask wait => WaitAsync(wait, state, locals, position, cancellationToken),
        _ => throw new FlowFaultException(FlowErrors.Configuration($"The task '{task.Name}' is of the unknown kind '{task.Kind}'.")),
    };

    private async Task<Step> SetAsync(SetTask set, TaskState state, Locals locals, CancellationToken cancellationToken) =>
        new(await EvaluatedAsync(set.Pointer, () => set.Value.Evaluate(Scope(state.Input, locals, state)), cancellationToken), FlowDirective.Continue);

    private async Task<Step> ChooseAsync(SwitchTask choice, TaskState state, Locals locals, CancellationToken cancellationToken)
    {
        foreach (var one in choice.Cases)
        {
            if (one.When is { } when && await EvaluatedAsync(choice.Pointer, () => when.Evaluate(Scope(state.Input, locals, state)).IsTruthy, cancellationToken))
            {
                return new Step(state.Input, one.Then with { IsExplicit = true });
            }
        }
        return new Step(state.Input, choice.Cases.FirstOrDefault(c => c.When is null) is { } otherwise ? otherwise.Then with { IsExplicit = true } : FlowDirective.Continue);
    }

    private FlowFaultException Raise(RaiseTask raise, TaskState state, Locals locals)
    {
        var definition = raise.Error ?? _flow.Use.Errors.GetValueOrDefault(raise.Reference!)
            ?? throw new FlowFaultException(FlowErrors.Configuration($"use.errors has no '{raise.Reference}'."));
        var scope = Scope(state.Input, locals, state);
        return Evaluated(raise.Pointer, () =>
        {
            var status = definition.Status.Evaluate(scope);
            if (status.Kind != JqKind.Number)
            {
                throw new ExpressionException($"The status of the error is {status.ToJson()}, not a number.");
            }
            return new FlowFaultException(new FlowError(Text(definition.Type)!, (int)status.GetDouble(), Text(definition.Title), Text(definition.Detail), Text(definition.Instance) ?? raise.Pointer));
        });

        string? Text(FlowTemplate? template)
        {
            var value = template?.Evaluate(scope) ?? JqValue.Null;
            return value.IsNull ? null : value.TryGetString(out var text) ? text : value.ToJson();
        }
    }

    private async Task<Step> WaitAsync(WaitTask wait, TaskState state, Locals locals, FlowPosition position, CancellationToken cancellationToken)
    {
        position.Until ??= _runtime.UtcNow + Evaluated(wait.Pointer, () => wait.Duration.Evaluate(Scope(state.Input, locals, state)));
        await PauseAsync(position.Until.Value, cancellationToken);
        return new Step(state.Input, FlowDirective.Continue);
    }

    private async Task PauseAsync(DateTimeOffset until, CancellationToken cancellationToken)
    {
        _pure = 0;
        if (until - _runtime.UtcNow is var left && left > TimeSpan.Zero)
        {
            await _runtime.WaitAsync(static () => false, left, cancellationToken);
        }
    }

    /// <param name="path">The same for all attempts of one execution, see <see cref="IdempotencyKey"/>.</param>
    private int Record(FlowTask task, string status, FlowPosition position, string path, JqValue input)
    {
        if (_steps.Count >= MaxSteps)
        {
            _steps.RemoveRange(0, MaxSteps / 2);
            _attempts.Clear();
        }
        var number = _carry.Steps++;
        _attempts[path] = _attempts.GetValueOrDefault(path) + 1;
        _steps.Add(new FlowStep(number, task.Pointer, task.Name, task.Kind, status, position.StartedAt!.Value, status == "skipped" ? position.StartedAt : null, null)
        {
            Attempt = _attempts[path],
            Mark = _runtime.Mark,
            Input = input,
        });
        return number;
    }

    private void End(int number, string status, FlowError? error = null, JqValue output = default)
    {
        var index = number - (_steps.Count == 0 ? 0 : _steps[0].Number);
        if (index >= 0 && index < _steps.Count)
        {
            _steps[index] = _steps[index] with { Status = status, EndedAt = _runtime.UtcNow, Error = FlowErrorDto.From(error), Output = output };
        }
    }
}
