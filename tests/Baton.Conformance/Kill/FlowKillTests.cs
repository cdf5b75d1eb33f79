using System.Diagnostics;
using Baton.Flows.Durable;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Testing;
using Baton.Flows.Tests.Conformance;
using Baton.Jq;
using CsCheck;
using Temporalio.Converters;

namespace Baton.Conformance.Kill;

/// <summary>
/// Flows run while their worker and the server are killed (SIGKILL) at random instants. Every run ends as it would have
/// otherwise; every call was made, and all attempts of one call came with one Idempotency-Key, which no other call has.
/// </summary>
/// <remarks><c>BATON_FLOW_KILLS</c> sets the number of kills of each case (default 15), <c>BATON_KILL_SEED</c> the seed.</remarks>
public class FlowKillTests
{
    private const int Runs = 12;

    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("BATON_FLOW_KILLS") ?? "15", null);
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("BATON_KILL_SEED") ?? "1", null);

    private static readonly TimeSpan LongestLife = TimeSpan.FromMilliseconds(600);

    [Fact]
    public async Task Every_call_is_made_under_one_key()
    {
        using var ledger = new HttpLedger();
        var flow = Read($$"""
            document: { dsl: 1.0.3, namespace: tests, name: killed, version: 1.0.0 }
            do:
            - first: { call: http, with: { method: post, endpoint: '{{ledger.Address}}/{run}/first' }, output: { as: "${ { run: $input.run, seen: [.] } }" } }
            - each:
                for: { in: "${ [1, 2, 3] }" }
                do:
                - step: { call: http, with: { method: post, endpoint: '${ "{{ledger.Address}}/\(.run)/step-\($item)" }' }, output: { as: "${ { run: $input.run, seen: ($input.seen + [.]) } }" } }
                - pause: { wait: PT0.02S }
            - both:
                fork:
                  branches:
                  - left: { call: http, with: { method: post, endpoint: '{{ledger.Address}}/{run}/left' } }
                  - right: { call: http, with: { method: post, endpoint: '{{ledger.Address}}/{run}/right' } }
                output: { as: "${ { run: $input.run, seen: ($input.seen + .) } }" }
            - again:
                try: [ { ask: { call: http, with: { method: post, endpoint: '{{ledger.Address}}/{run}/flaky' }, output: { as: "${ $input.seen + [.] }" } } } ]
                catch: { errors: { with: { status: 503 } }, retry: { delay: PT0.01S, limit: { attempt: { count: 5 } } } }
            """);
        string[] steps = ["first", "step-1", "step-2", "step-3", "left", "right", "flaky"];
        await KillAsync("ledger", [.. Enumerable.Range(0, Runs).Select(n => (flow, JqValue.FromObject([new("run", $"r{n}")])))], (number, result) =>
            Assert.Equal(steps.Select(step => $"/r{number}/{step}"), RawValues.Value(result.Output!).EnumerateArray().Select(v => v.GetString())));
        var calls = ledger.Requests.GroupBy(r => r.Path).ToList();
        Assert.Equal(Runs * steps.Length, calls.Count);
        Assert.All(calls, call => Assert.Single(call.Select(r => r.Key).Distinct()));
        Assert.Equal(calls.Count, calls.Select(call => call.First().Key).Distinct().Count());
        Console.WriteLine($"{ledger.Requests.Count} requests for {calls.Count} calls");
    }

    /// <summary>Each run is cut and continued as new every few events, also between two attempts.</summary>
    [Fact]
    public async Task Attempts_in_several_parts_of_a_run_keep_their_key_and_their_count()
    {
        using var ledger = new HttpLedger();
        var flow = Read($$"""
            document: { dsl: 1.0.3, namespace: tests, name: stubborn, version: 1.0.0 }
            do:
            - again:
                try: [ { pause: { wait: PT0.02S } }, { ask: { call: http, with: { method: post, endpoint: '{{ledger.Address}}/{run}/stubborn' } } } ]
                catch: { errors: { with: { status: 503 } }, retry: { delay: PT0.02S, limit: { attempt: { count: 5 } } } }
            - out: { set: { seen: "${ . }" } }
            """);
        await KillAsync("stubborn", [.. Enumerable.Range(0, Runs).Select(n => (flow, JqValue.FromObject([new("run", $"r{n}")])))], (number, result) =>
            Assert.Equal($"/r{number}/stubborn", RawValues.Value(result.Output!)["seen"].GetString()), continueAfterEvents: 8);
        var calls = ledger.Requests.GroupBy(r => r.Path).ToList();
        Assert.Equal(Runs, calls.Count);
        Assert.All(calls, call => Assert.Single(call.Select(r => r.Key).Distinct()));
    }

    [Fact]
    public async Task Random_flows_end_as_they_do_in_memory()
    {
        var tasks = new List<string>();
        RandomFlows.Tasks(2).Sample(tasks.Add, iter: 30, threads: 1, seed: "0000000000000");
        var input = JqValue.FromObject([new("n", 1)]);
        var flows = tasks.ConvertAll(t => Read(RandomFlows.Definition(t)));
        await KillAsync("random", flows.ConvertAll(f => (f, input)), (number, result) =>
        {
            var expected = new FlowSimulation(DateTimeOffset.UnixEpoch, (_, _) => throw new InvalidOperationException("These flows call nothing.")).Run(flows[number], input);
            var error = result.Error is ApplicationFailureException failure ? RawValues.Value(failure.Details.ElementAt<RawValue>(0)).ToJson() : null;
            Assert.Equal((expected.Status, expected.Output.ToJson(), expected.Error?.ToValue().ToJson()),
                (error is null ? FlowStatus.Completed : FlowStatus.Faulted, error is null ? RawValues.Value(result.Output!).ToJson() : "null", error));
        });
    }

    private static FlowDefinition Read(string text) => FlowReader.Read(text) is var (flow, problems) && flow is not null ? flow : throw new InvalidOperationException(problems[0].ToString());

    /// <summary>Starts the runs one after the other while processes die, and then lets all of them end.</summary>
    private static async Task KillAsync(string name, IReadOnlyList<(FlowDefinition Flow, JqValue Input)> runs, Action<int, (RawValue? Output, Exception? Error)> check, int continueAfterEvents = 0)
    {
        if (ServerFixture.IsExternal)
        {
            Assert.Skip("The server is not ours to kill.");
        }
        var folder = Directory.CreateTempSubdirectory("baton-flow-kill-");
        var random = new Random(Seed);
        await using var server = new KilledServer(await Repository.GetExecutableAsync(), Path.Combine(folder.FullName, "kill.db"));
        await server.StartAsync(null, TestContext.Current.CancellationToken);
        var client = await TemporalClient.ConnectAsync(new(server.Address) { Identity = "kill-client" });
        Process StartWorker() => ChildProcess.StartUnread(Path.Combine(AppContext.BaseDirectory, "Baton.Conformance"), [FlowKillWorker.Argument, server.Address, name], folder.FullName);
        var worker = StartWorker();
        try
        {
            var results = new List<Task<(RawValue?, Exception?)>>();
            for (var kill = 0; kill < Kills; kill++)
            {
                while (results.Count < runs.Count * (kill + 1) / Kills)
                {
                    results.Add(RunAsync(client, name, results.Count, runs[results.Count], continueAfterEvents));
                }
                await Task.Delay(random.NextDouble() * LongestLife, TimeProvider.System);
                if (random.Next(2) == 0)
                {
                    await server.KillAsync();
                    await server.StartAsync(null, TestContext.Current.CancellationToken);
                }
                else
                {
                    worker.Kill();
                    await worker.WaitForExitAsync();
                    worker.Dispose();
                    worker = StartWorker();
                }
            }
            for (var number = 0; number < results.Count; number++)
            {
                check(number, await results[number].WaitAsync(Eventually.Deadline * 4, TimeProvider.System));
            }
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"BATON_KILL_SEED={Seed} BATON_FLOW_KILLS={Kills}, in {folder}", error);
        }
        finally
        {
            worker.Kill();
            await worker.WaitForExitAsync();
            worker.Dispose();
        }
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>Starts a run, once, and waits for its end, through any number of deaths of the server.</summary>
    private static async Task<(RawValue?, Exception?)> RunAsync(TemporalClient client, string queue, int number, (FlowDefinition Flow, JqValue Input) run, int continueAfterEvents)
    {
        var start = new FlowStart { Definition = run.Flow.Json, Hash = run.Flow.Hash, Input = run.Input, ContinueAfterEvents = continueAfterEvents };
        while (true)
        {
            try
            {
                await client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(start), new($"{queue}-{number}", queue)
                {
                    IdConflictPolicy = WorkflowIdConflictPolicy.UseExisting,
                    IdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate,
                });
            }
            catch (WorkflowAlreadyStartedException)
            {
                // It has ended in the meantime.
            }
            catch (RpcException)
            {
                await Eventually.PauseAsync();
                continue;
            }
            try
            {
                return (await client.GetWorkflowHandle($"{queue}-{number}").GetResultAsync<RawValue>(), null);
            }
            catch (WorkflowFailedException error)
            {
                return (null, error.InnerException);
            }
            catch (RpcException)
            {
                await Eventually.PauseAsync();
            }
        }
    }
}
