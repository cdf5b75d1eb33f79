using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Hosting;

/// <summary>
/// What an event bus can know of the events that a flow listens to: for each filter an object of the attributes that it fixes without
/// an expression. An event that matches none is of no interest; one that does is sent, and the flow itself decides.
/// </summary>
public static class FlowEventFilters
{
    /// <summary>Whether an event fits: each attribute is equal, or the pattern matches it as a whole.</summary>
    public static bool Matches(JqValue filter, JqValue cloudEvent) => filter.EnumerateObject().All(condition =>
    {
        var actual = cloudEvent[condition.Key];
        return actual == condition.Value
            || (condition.Value.TryGetString(out var pattern) && actual.TryGetString(out var text) && EventPatterns.TryCompile(pattern, out var regex) && regex.IsMatch(text));
    });

    /// <summary>Of all tasks of the flow that listen.</summary>
    internal static IReadOnlyList<JqValue> Of(FlowDefinition flow) =>
        Of(flow.Do.Concat(flow.Use.Functions.Values).Concat(flow.Use.Extensions.SelectMany(extension => extension.Before.Concat(extension.After)))
            .SelectMany(FlowValidator.Tasks).OfType<ListenTask>().Select(listen => listen.To));

    internal static IReadOnlyList<JqValue> Of(FlowEventStrategy strategy) => Of([strategy]);

    private static List<JqValue> Of(IEnumerable<FlowEventStrategy> strategies) =>
        [.. strategies.SelectMany(Filters).Select(Fixed).DistinctBy(filter => filter.ToJson())];

    // A strategy without filters takes any event.
    private static IEnumerable<FlowEventFilter> Filters(FlowEventStrategy strategy)
    {
        IEnumerable<FlowEventFilter> own = strategy.Filters.IsEmpty ? [new FlowEventFilter([], [])] : strategy.Filters;
        return strategy.UntilEvents is { } until ? own.Concat(Filters(until)) : own;
    }

    private static JqValue Fixed(FlowEventFilter filter) => JqValue.FromObject(
        filter.With.Where(condition => condition.Value.IsLiteral && condition.Attribute != "data")
            .Select(condition => KeyValuePair.Create(condition.Attribute, condition.Value.Evaluate(default))));
}
