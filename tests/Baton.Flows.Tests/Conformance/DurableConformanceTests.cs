using Baton.Flows.Durable;
using Baton.Flows.Tests.Support;

namespace Baton.Flows.Tests.Conformance;

/// <summary>The conformance kit and our own scenarios through the durable server, each history replayed.</summary>
public sealed class DurableConformanceTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    public static TheoryData<string> Kit() => ConformanceKitTests.Scenarios();

    public static TheoryData<string> Own() => ScenarioTests.Scenarios();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Kit))]
    public Task Conformance_kit(string scenario) =>
        new ScenarioRunner(request => durable.RunAsync(request)).RunAsync(ConformanceKitTests.All().Single(s => s.ToString() == scenario));

    [Theory]
    [MemberData(nameof(Own))]
    public Task Own_scenario(string scenario) =>
        new ScenarioRunner(request => durable.RunAsync(request)).RunAsync(ScenarioTests.All().Single(s => s.ToString() == scenario));

    /// <summary>Continue-as-new after every few events, carrying the whole position.</summary>
    [Theory]
    [InlineData("flow-control: then leads back to an earlier task")]
    [InlineData("flow-control: fork without compete gives the outputs in the order of the branches")]
    [InlineData("errors: retry with backoff until it works")]
    [InlineData("events: listen to all, in the order of arrival")]
    [InlineData("events: foreach event, with output and export")]
    [InlineData("run: a subflow")]
    public Task Continued_as_new(string scenario) =>
        new ScenarioRunner(request => durable.RunAsync(request, new FlowStart { Definition = "", ContinueAfterEvents = 8 }))
            .RunAsync(ScenarioTests.All().Single(s => s.ToString() == scenario));
}
