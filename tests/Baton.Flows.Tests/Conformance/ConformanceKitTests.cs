using Baton.Flows.Hosting;
using Baton.Flows.Tests.Support;

namespace Baton.Flows.Tests.Conformance;

/// <summary>The conformance kit of the specification, in memory; DurableConformanceTests runs it through the durable server.</summary>
public sealed class ConformanceKitTests : IAsyncLifetime
{
    private StandIns _standIns = null!;

    public static TheoryData<string> Scenarios()
    {
        var scenarios = new TheoryData<string>();
        scenarios.AddRange(All().Select(s => s.ToString()).ToArray());
        return scenarios;
    }

    internal static IEnumerable<GherkinScenario> All() => SharedData.Ows is { } ows
        ? Directory.GetFiles(Path.Combine(ows, "ctk"), "*.feature").Order(StringComparer.Ordinal).SelectMany(Gherkin.Read)
        : [];

    public async ValueTask InitializeAsync() => _standIns = await StandIns.StartAsync();

    public async ValueTask DisposeAsync() => await _standIns.DisposeAsync();

    [Fact]
    public void The_kit_has_21_scenarios()
    {
        SharedData.RequireOws();
        Assert.Equal(21, All().Count());
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Scenarios))]
    public async Task In_memory(string scenario)
    {
        var host = new FlowHost { Http = _standIns.Redirect, Events = new RecordingBus() };
        await new ScenarioRunner(request => Task.FromResult(Simulated.Run(request, host))).RunAsync(All().Single(s => s.ToString() == scenario));
    }
}
