using Baton.Flows.Hosting;
using Baton.Jq;
using Baton.Server.Events.Routing;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Events;

/// <summary>The index of runs that listen beside a list that is searched whole.</summary>
public sealed class FlowListenersTests
{
    private static readonly string[] Types = ["a", "a.b", "axb", "A.b", "b", "urn:x/y_1-2", "order placed", "", "é.b"];

    // Patterns, what is no text, and no type at all.
    private static readonly string[] Patterns = ["""{"type":"a.*"}""", """{"type":"[ab]"}""", """{"type":"("}""", """{"type":7}""", "{}", """{"source":"/s1"}"""];

    private static readonly Gen<string> AnyType = Gen.Int[0, Types.Length - 1].Select(index => Types[index]);

    private static readonly Gen<string> Filters = Gen.Frequency(
        (6, AnyType.Select(type => $$"""{"type":"{{type}}"}""")),
        (2, Gen.Int[0, Patterns.Length - 1].Select(index => Patterns[index])),
        (3, Gen.Select(AnyType, Gen.Int[1, 2]).Select((type, source) => $$"""{"type":"{{type}}","source":"/s{{source}}"}""")));

    [Fact]
    public async Task The_index_finds_the_runs_that_a_look_at_all_of_them_finds()
    {
        await using var server = await TestServer.StartAsync();
        var listeners = server.Server.Services.GetRequiredService<FlowListeners>();
        var life = Gen.Select(Gen.Int[0, 4], Filters.List[0, 3]).List[1, 12];
        await Gen.Select(life, Gen.Select(AnyType, Gen.Int[1, 2]).List[1, 6]).SampleAsync(
            async given =>
            {
                var (acts, events) = given;
                var model = new Dictionary<string, List<JqValue>>();
                foreach (var (run, filters) in acts)
                {
                    // No filters: the run listens no more.
                    if (filters.Count == 0)
                    {
                        await listeners.RemoveAsync($"run{run}", default);
                        model.Remove($"run{run}");
                    }
                    else
                    {
                        model[$"run{run}"] = filters.ConvertAll(JqValue.Parse);
                        await listeners.SetAsync($"run{run}", model[$"run{run}"], default);
                    }
                }
                var index = await listeners.FindAsync(events.Select(one => one.Item1).Distinct(), default);
                foreach (var (type, source) in events)
                {
                    var value = JqValue.FromObject([new("type", type), new("source", $"/s{source}")]);
                    var found = index[type].Concat(type.Length == 0 ? [] : index[FlowListener.AnyType]).Where(same => FlowEventFilters.Matches(same.Filter, value)).SelectMany(same => same.Rows).Select(row => row.RunId);
                    Assert.Equal(model.Where(run => run.Value.Any(filter => IsMeant(filter, type) && FlowEventFilters.Matches(filter, value))).Select(run => run.Key).Order(), found.Distinct().Order());
                }
                foreach (var run in model.Keys)
                {
                    await listeners.RemoveAsync(run, default);
                }
            },
            iter: 150, threads: 1);
    }

    /// <summary>A type of letters, digits, dots and dashes is no pattern.</summary>
    private static bool IsMeant(JqValue filter, string type) =>
        !filter["type"].TryGetString(out var asked) || asked.Length == 0 || asked.Any(letter => !char.IsLetterOrDigit(letter) && ".-_/:".IndexOf(letter, StringComparison.Ordinal) < 0) || asked == type;
}
