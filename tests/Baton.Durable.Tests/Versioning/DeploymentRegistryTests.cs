using Baton.Durable.Deployments;
using CsCheck;
using Xunit;

namespace Baton.Durable.Tests.Versioning;

public sealed class DeploymentRegistryTests
{
    [Fact]
    public void Workflow_ids_spread_evenly_over_a_ramp_and_stay_where_they_fell()
    {
        var ramps = Enumerable.Range(0, 20_000).Select(i => DeploymentRegistry.RampOf("order-" + i)).ToList();

        Assert.All(ramps, ramp => Assert.InRange(ramp, 1, DeploymentRegistry.RampSteps));
        foreach (var percentage in new[] { 1, 10, 50, 90 })
        {
            Assert.InRange(ramps.Count(ramp => ramp <= percentage * 100) / 200.0, percentage - 1, percentage + 1);
        }

        Assert.Equal(7180, DeploymentRegistry.RampOf("order-1"));
    }

    [Fact]
    public void A_ramp_that_grows_takes_in_more_ids_and_gives_none_back() =>
        Gen.Select(Gen.String, Gen.Float[0, 100], Gen.Float[0, 100]).Sample((id, a, b) =>
        {
            var (current, ramping) = (new WorkerVersion("d", "1"), new WorkerVersion("d", "2"));
            var ramp = DeploymentRegistry.RampOf(id);
            WorkerVersion At(float percentage) => new QueueRouting(current, 1, ramping, percentage, 1).Target(ramp);

            Assert.True(At(Math.Min(a, b)) != ramping || At(Math.Max(a, b)) == ramping);
            Assert.Equal(current, At(0));
            Assert.Equal(ramping, At(100));
        });

    [Theory]
    [InlineData("d.1", "d", "1")]
    [InlineData("d.1.2", "d", "1.2")]
    [InlineData(WorkerVersion.UnversionedName, "", "")]
    public void Older_version_strings_are_read(string text, string deployment, string buildId) =>
        Assert.Equal(new WorkerVersion(deployment, buildId), WorkerVersion.ParseOlder(text));

    [Theory]
    [InlineData("")]
    [InlineData("d")]
    [InlineData(".1")]
    [InlineData("d.")]
    public void What_is_no_version_string_is_refused(string text) => Assert.Null(WorkerVersion.ParseOlder(text));
}
