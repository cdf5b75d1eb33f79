using Baton.Flows.Durable;
using Baton.Flows.Expressions;
using Baton.Flows.Hosting;
using Baton.Flows.Testing;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Tests.Support;

/// <summary>Runs flows in memory, with real calls.</summary>
internal static class Simulated
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static RunResult Run(RunRequest request, FlowHost host, Func<bool>? cut = null)
    {
        var validation = FlowValidator.Validate(request.Definition);
        Assert.True(validation.IsValid, string.Join(Environment.NewLine, validation.Problems));
        using var activities = new FlowActivities(host, null);
        var simulation = new FlowSimulation(Start, (call, token) => activities.CallAsync(call, call.IdempotencyKey, () => { }, token), (_, name, _) => TestHost.Subflow(name)) { Cut = cut ?? (() => false) };
        foreach (var planned in request.Events)
        {
            Assert.True(FlowDurations.TryParse(planned.After, out var after));
            simulation.At(Start + after, run => run.Deliver(planned.Event));
        }
        var outcome = simulation.Run(validation.Definition!, request.Input);
        return new RunResult(outcome.Status, outcome.Output, outcome.Error, simulation.Current!.Steps);
    }
}
