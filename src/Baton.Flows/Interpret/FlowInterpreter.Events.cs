using System.Collections.Immutable;
using System.Globalization;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>Events: emit and listen.</content>
internal sealed partial class FlowInterpreter
{
    /// <summary>
    /// Gives an event to the run. All tasks that listen are offered it; one that nobody takes is kept for later tasks, up
    /// to <see cref="FlowRun.MaxUnread"/> of them, of which the oldest goes first.
    /// </summary>
    public void Deliver(JqValue cloudEvent)
    {
        _pure = 0;
        var taken = false;
        foreach (var listener in _listeners.ToList())
        {
            taken |= listener.Offer(cloudEvent);
        }
        if (!taken)
        {
            _carry.Unread.Add(new ConsumedEvent(cloudEvent));
            if (_carry.Unread.Count > _run.MaxUnread)
            {
                _carry.Unread.RemoveAt(0);
            }
        }
    }

    private async Task<Step> EmitAsync(EmitTask emit, TaskState state, Locals locals, string path, CancellationToken cancellationToken)
    {
        var given = await EvaluatedAsync(emit.Pointer, () => emit.Event.Evaluate(Scope(state.Input, locals, state)), cancellationToken);
        var attributes = new List<KeyValuePair<string, JqValue>> { new("specversion", "1.0") };
        AddDefault("id", _runtime.NewId);
        AddDefault("source", () => $"/flows/{_flow.Document.Namespace}/{_flow.Document.Name}");
        AddDefault("time", () => _runtime.UtcNow.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        if (given["data"].Kind is not JqKind.Null and not JqKind.String)
        {
            AddDefault("datacontenttype", () => "application/json");
        }
        var cloudEvent = JqValue.FromObject(attributes.Concat(given.EnumerateObject()));
        await CallAsync(new FlowCall("emit", cloudEvent), emit.Pointer, path, null, cancellationToken);
        return new Step(cloudEvent, FlowDirective.Continue);

        void AddDefault(string name, Func<string> value)
        {
            if (given[name].IsNull)
            {
                attributes.Add(new(name, value()));
            }
        }
    }

    private async Task<Step> ListenAsync(ListenTask listen, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var consumed = position.Listen ??= new ListenState();
        var listener = new Listener(this, listen.To, consumed, listen.Read, () => Scope(state.Input, locals, state));
        _lifecycle.Workflow("correlation-started", "startedAt");
        _listeners.Add(listener);
        try
        {
            // Events that came before anyone listened are offered first, in their order.
            _carry.Unread.RemoveAll(unread => listener.Offer(unread.Value));
            return await ConsumeAsync(listen, listener, state, locals, position, path, cancellationToken);
        }
        finally
        {
            _listeners.Remove(listener);
        }
    }

    private async Task<Step> ConsumeAsync(ListenTask listen, Listener listener, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var consumed = position.Listen!;
        while (true)
        {
            await _runtime.WaitAsync(() => consumed.Done || consumed.Processed < consumed.Consumed.Count, null, cancellationToken);
            if (consumed.Processed >= consumed.Consumed.Count)
            {
                break;
            }
            await SafePointAsync(locals, cancellationToken);
            var item = Read(consumed.Consumed[consumed.Processed].Value, listen.Read);
            if (listen.Foreach is { } iterator)
            {
                var step = await IterateAsync(iterator, item, consumed.Processed, state, locals, position, path, cancellationToken);
                if (step.Next.IsEnd)
                {
                    return step;
                }
                item = step.Output;
            }
            consumed.Outputs.Add(new ConsumedEvent(item));
            consumed.Processed++;
        }
        _lifecycle.Workflow("correlation-completed", "completedAt", ("correlationKeys", JqValue.FromObject(consumed.Keys.Select(k => KeyValuePair.Create(k.Key, k.Value.Value)))));
        return new Step(JqValue.FromArray(consumed.Outputs.Select(o => o.Value)), FlowDirective.Continue);
    }

    /// <summary>Runs an iterator's tasks for one event or message.</summary>
    private async Task<Step> IterateAsync(FlowIterator iterator, JqValue item, int index, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var inner = locals.With(iterator.Item, item).With(iterator.At, index);
        var step = await RunListAsync(iterator.Do, item, inner, position.Child("foreach"), $"{path}/foreach[{index}]", cancellationToken);
        position.Leave("foreach");
        var output = await EvaluatedAsync(iterator.Pointer, () => iterator.Output?.As?.Evaluate(Scope(step.Output, inner, state)) ?? step.Output, cancellationToken);
        await ValidateAsync(iterator.Output?.Schema, output, "The output of foreach", iterator.Pointer, cancellationToken);
        await ExportAsync(iterator.Export, output, inner, state, iterator.Pointer, cancellationToken);
        return step with { Output = output };
    }

    private static JqValue Read(JqValue cloudEvent, FlowReadAs read) => read switch
    {
        FlowReadAs.Envelope => cloudEvent,
        FlowReadAs.Data => cloudEvent["data"],
        _ => !cloudEvent["data_base64"].IsNull ? cloudEvent["data_base64"]
            : cloudEvent["data"].Kind == JqKind.String ? cloudEvent["data"]
            : cloudEvent["data"].ToJson(),
    };

    /// <summary>Decides which events a strategy takes, and when it has them all.</summary>
    private sealed class Listener
    {
        private readonly FlowInterpreter _owner;
        private readonly FlowEventStrategy _strategy;
        private readonly ListenState _state;
        private readonly FlowReadAs _read;
        private readonly Func<ExpressionScope> _scope;
        private readonly Listener? _until;

        public Listener(FlowInterpreter owner, FlowEventStrategy strategy, ListenState state, FlowReadAs read, Func<ExpressionScope> scope)
        {
            _owner = owner;
            _strategy = strategy;
            _state = state;
            _read = read;
            _scope = scope;
            _until = strategy.UntilEvents is { } until ? new Listener(owner, until, state.Until ??= new ListenState(), read, scope) : null;
            if (strategy.Mode == FlowConsume.All && strategy.Filters.IsEmpty)
            {
                state.Done = true;
            }
        }

        /// <summary>It has dealt with all that it took, and takes more.</summary>
        public bool IsHungry => !_state.Done && _state.Processed == _state.Consumed.Count;

        /// <returns>True if the event was taken.</returns>
        public bool Offer(JqValue cloudEvent)
        {
            if (_state.Done)
            {
                return false;
            }
            // What ends the listening is not part of what was heard.
            if (_until?.Offer(cloudEvent) == true)
            {
                _state.Done = _until._state.Done;
                return true;
            }
            if (_strategy.Filters.IsEmpty)
            {
                Take(cloudEvent);
                return true;
            }
            for (var i = 0; i < _strategy.Filters.Length; i++)
            {
                if (!(_strategy.Mode == FlowConsume.All && _state.Matched.Contains(i)) && Matches(_strategy.Filters[i], cloudEvent))
                {
                    _state.Matched.Add(i);
                    Take(cloudEvent);
                    return true;
                }
            }
            return false;
        }

        private void Take(JqValue cloudEvent)
        {
            _state.Consumed.Add(new ConsumedEvent(cloudEvent));
            _state.Done = _strategy.Mode switch
            {
                FlowConsume.One => true,
                FlowConsume.All => _state.Matched.Count == _strategy.Filters.Length,
                _ when _strategy.UntilEvents is not null => false,
                _ when _strategy.Until is { } until => Satisfied(until),
                _ => true,
            };
        }

        private bool Satisfied(FlowExpression until)
        {
            var heard = JqValue.FromArray(_state.Consumed.Select(e => Read(e.Value, _read)));
            try
            {
                return until.Evaluate(_scope().Of(heard)).IsTruthy;
            }
            catch (ExpressionException)
            {
                // An event can be of any form; one that the condition cannot digest does not fulfil it.
                return false;
            }
        }

        private bool Matches(FlowEventFilter filter, JqValue cloudEvent)
        {
            try
            {
                return filter.With.All(condition => Matches(condition, cloudEvent[condition.Attribute])) && Correlates(filter.Correlate, cloudEvent);
            }
            catch (ExpressionException)
            {
                return false;
            }
        }

        private bool Matches(FlowEventCondition condition, JqValue actual)
        {
            var expected = condition.Value.Evaluate(_scope().Of(actual));
            if (expected.Kind == JqKind.Boolean && !condition.Value.IsLiteral)
            {
                return expected.IsTruthy;
            }
            return expected == actual
                || (condition.Attribute != "data" && expected.TryGetString(out var pattern) && actual.TryGetString(out var text)
                    && EventPatterns.TryCompile(pattern, out var regex) && regex.IsMatch(text));
        }

        private bool Correlates(ImmutableArray<FlowCorrelation> correlations, JqValue cloudEvent)
        {
            var found = new List<KeyValuePair<string, JqValue>>();
            foreach (var correlation in correlations)
            {
                var value = correlation.From.Evaluate(_scope().Of(cloudEvent));
                if (value.IsNull)
                {
                    return false;
                }
                var expected = correlation.Expect?.Evaluate(_scope()) ?? (_state.Keys.TryGetValue(correlation.Key, out var known) ? known.Value : value);
                if (expected != value)
                {
                    return false;
                }
                found.Add(new(correlation.Key, value));
            }
            foreach (var (key, value) in found)
            {
                _state.Keys[key] = new ConsumedEvent(value);
            }
            return true;
        }
    }
}
