using Baton.Durable.Bench.Targets;

namespace Baton.Durable.Bench.Load;

/// <summary>
/// Every scenario with every number at once on every target. All targets stay up, and take turns at each load: whatever else the machine does
/// then meets all of them alike.
/// </summary>
internal sealed record LoadPlan(Scenario[] Scenarios, int[] AtOnce, int Rounds, TimeSpan WarmUp, TimeSpan Window)
{
    public async Task RunAsync(IReadOnlyList<ITarget> targets, Report report)
    {
        try
        {
            foreach (var target in targets)
            {
                await target.StartAsync();
                Console.Error.WriteLine($"{target.Name}: servers {string.Join(' ', target.ServerProcesses)}");
            }
            foreach (var scenario in Scenarios)
            {
                foreach (var atOnce in AtOnce)
                {
                    report.Load.AddRange(await TakeTurnsAsync(targets, scenario, atOnce));
                }
            }
        }
        finally
        {
            foreach (var target in targets)
            {
                await target.DisposeAsync();
            }
        }
    }

    private async Task<IEnumerable<LoadResult>> TakeTurnsAsync(IReadOnlyList<ITarget> targets, Scenario scenario, int atOnce)
    {
        var samples = targets.ToDictionary(static target => target, static _ => new List<LoadSample>());
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var target in targets)
            {
                var sample = await LoadRun.MeasureAsync(target, scenario, atOnce, WarmUp, Window);
                samples[target].Add(sample);
                Console.Error.WriteLine($"{scenario} x{atOnce} {target.Name}: {sample.LatenciesMs.Count / sample.Elapsed.TotalSeconds:F0}/s");
            }
        }
        return targets.Select(target => LoadResult.Of(target.Name, scenario, atOnce, samples[target]));
    }
}
