using Baton.Flows.Durable;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Testing;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using Temporalio.Client;

namespace Baton.Flows.Tests.Durable;

/// <summary>Attempts of catch.retry that lie in several parts of a run: count, delays, limits and key go along.</summary>
public sealed class RetryAcrossRunsTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: retry, version: 1.0.0 }\n";

    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Theory]
    [InlineData("delay: PT1M, backoff: { exponential: {} }, limit: { attempt: { count: 4 } }", 5, 15)]
    [InlineData("delay: PT1M, backoff: { linear: {} }, limit: { attempt: { count: 3 } }", 4, 6)]
    [InlineData("delay: PT3M, limit: { duration: PT10M }", 4, 9)]
    [InlineData("delay: PT1M, when: '${ .n == 1 }', limit: { attempt: { count: 2, duration: PT1H } }", 3, 2)]
    public void Limits_and_delays_hold_over_all_parts(string policy, int calls, int minutes)
    {
        var flow = Read($$"""
            do:
            - set: { set: { n: 1 } }
            - attempt:
                try: [ { note: { set: { n: '${ .n }' } } }, { ask: { call: http, with: { method: get, endpoint: 'https://api.example.com/down' } } } ]
                catch:
                  errors: { with: { status: 503 } }
                  retry: { {{policy}} }
                  do: [ { tell: { set: { status: '${ $error.status }', n: '${ .n }' } } } ]
            """);
        foreach (var seed in new[] { 0, 1, 2, 3, 4 })
        {
            var (random, keys) = (new Random(seed), new List<string>());
            var simulation = new FlowSimulation(Start, (call, _) =>
            {
                keys.Add(call.IdempotencyKey);
                return Task.FromException<FlowAnswer>(new FlowFaultException(FlowErrors.Communication("down", 503)));
            }) { Cut = () => seed > 0 && random.Next(3) == 0 };
            var outcome = simulation.Run(flow, JqValue.FromObject([]));
            Assert.Equal("""{"status":503,"n":1}""", outcome.Output.ToJson());
            Assert.Equal((calls, 1), (keys.Count, keys.Distinct().Count()));
            Assert.Equal(TimeSpan.FromMinutes(minutes), simulation.UtcNow - Start);
            Assert.True(seed == 0 ? simulation.Continuations == 0 : simulation.Continuations >= 2, $"{simulation.Continuations} cuts");
        }
    }

    [Fact]
    public async Task A_call_that_works_at_last_has_had_one_key_in_every_part_of_the_run()
    {
        var id = $"retry-{Guid.NewGuid():N}";
        var flow = Read($$"""
            do:
            - attempt:
                try: [ { pause: { wait: PT0.001S } }, { ask: { call: http, with: { method: get, endpoint: 'https://api.example.com/flaky/{{id}}' } } } ]
                catch: { errors: { with: { status: 503 } }, retry: { delay: PT0.001S, backoff: { exponential: {} }, limit: { attempt: { count: 5 } } } }
            - out: { set: { sameKey: '${ .sameKey }' } }
            """);
        using var worker = new FlowWorker(durable.Client, durable.Host(new RunRequest("", default), new RecordingBus()), id);
        var output = await worker.ExecuteAsync(async () =>
        {
            var start = new FlowStart { Definition = flow.Json, Input = JqValue.FromObject([]), ContinueAfterEvents = 8 };
            var run = await durable.Client.StartWorkflowAsync((FlowWorkflow workflow) => workflow.RunAsync(start), new(id, id));
            var result = RawValues.Value(await run.GetResultAsync()).ToJson();
            await durable.ReplayAsync(id);
            return result;
        });
        Assert.Equal("""{"sameKey":true}""", output);
        Assert.Equal(3, durable.StandIns.Requests.Count(request => request.Path == $"/flaky/{id}"));
        Assert.True(await PartsAsync(id) >= 3);
    }

    private async Task<int> PartsAsync(string id)
    {
        var parts = 0;
        await foreach (var _ in durable.Client.ListWorkflowsAsync($"WorkflowId = '{id}'"))
        {
            parts++;
        }
        return parts;
    }

    private static FlowDefinition Read(string body) => FlowReader.Read(Head + body).Definition!;
}
