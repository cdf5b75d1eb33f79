using Baton.Flows.Hosting;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using CsCheck;

namespace Baton.Flows.Tests.Conformance;

/// <summary>Random flows of pure tasks: whole in memory, cut and continued in memory, and durable, all give the same.</summary>
public sealed class RandomFlowTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private static RunRequest Request(string tasks) => new(RandomFlows.Definition(tasks), JqValue.FromObject([new("n", 1)]));

    private static string Describe(RunResult result) => $"{result.Status} {result.Output.ToJson()} {result.Error?.ToValue().ToJson()}";

    [Fact]
    public void Cut_and_continued_they_give_the_same() => Gen.Select(RandomFlows.Tasks(3), Gen.Int[0, 1000]).Sample((tasks, seed) =>
    {
        var random = new Random(seed);
        var whole = Simulated.Run(Request(tasks), new FlowHost());
        var cut = Simulated.Run(Request(tasks), new FlowHost(), () => random.Next(3) == 0);
        Assert.Equal(Describe(whole), Describe(cut));
    }, iter: 300, threads: 1);

    [Fact]
    public async Task Durably_they_give_the_same()
    {
        var flows = new List<string>();
        RandomFlows.Tasks(2).Sample(flows.Add, iter: 25, threads: 1, seed: "0000000000000");
        foreach (var tasks in flows)
        {
            Assert.Equal(Describe(Simulated.Run(Request(tasks), new FlowHost())), Describe(await durable.RunAsync(Request(tasks), host: new FlowHost())));
        }
    }
}
