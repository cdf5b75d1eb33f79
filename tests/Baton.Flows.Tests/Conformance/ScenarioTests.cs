using Baton.Flows.Tests.Support;

namespace Baton.Flows.Tests.Conformance;

/// <summary>Our own scenarios, in Features/, in memory: whole, and cut and continued wherever the run may be cut.</summary>
public sealed class ScenarioTests : IAsyncLifetime
{
    private StandIns _standIns = null!;

    public static TheoryData<string> Scenarios()
    {
        var scenarios = new TheoryData<string>();
        scenarios.AddRange(All().Select(s => s.ToString()).ToArray());
        return scenarios;
    }

    internal static IEnumerable<GherkinScenario> All() =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Features"), "*.feature").Order(StringComparer.Ordinal).SelectMany(Gherkin.Read);

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable("BATON_TEST_CANARY", "1");
        _standIns = await StandIns.StartAsync((_, app) => ExampleApi.Map(app));
    }

    public async ValueTask DisposeAsync() => await _standIns.DisposeAsync();

    [Fact]
    public void Scenarios_have_names_of_their_own() => Assert.Empty(All().GroupBy(s => s.ToString()).Where(g => g.Count() > 1).Select(g => g.Key));

    [Theory]
    [MemberData(nameof(Scenarios))]
    public Task In_memory(string scenario) => RunAsync(scenario, cut: () => false);

    /// <summary>At many of its safe points the run is cut, its position written and read again, and another interpreter goes on.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public Task Cut_and_continued(string scenario)
    {
        // Seeded, so that a failure can be repeated; not at every point, or no run would get anywhere.
        var random = new Random(7);
        return RunAsync(scenario, cut: () => random.Next(3) == 0);
    }

    private Task RunAsync(string scenario, Func<bool> cut) => new ScenarioRunner(request =>
        Task.FromResult(Simulated.Run(request, TestHost.Create(_standIns, new RecordingBus(), request.Secrets), cut)))
        .RunAsync(All().Single(s => s.ToString() == scenario));
}
