using Baton.Durable;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Validate;
using Baton.Jq;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Converters;
using Temporalio.Exceptions;
using Temporalio.Worker;

namespace Baton.Flows.Tests.Support;

/// <summary>
/// A durable server in memory, the stand-ins, and a client. Every run's history is replayed with a new worker after it has
/// ended, so that whatever a test runs is also a test of determinism.
/// </summary>
public sealed class DurableFixture : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private DurableServer _server = null!;

    internal StandIns StandIns { get; private set; } = null!;

    internal TemporalClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable("BATON_TEST_CANARY", "1");
        StandIns = await StandIns.StartAsync((_, app) => ExampleApi.Map(app));
        _server = await DurableServer.StartAsync();
        Client = await TemporalClient.ConnectAsync(new(_server.Address) { Namespace = _server.Namespace });
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await StandIns.DisposeAsync();
    }

    internal FlowHost Host(RunRequest request, IFlowEventBus bus) => TestHost.Create(StandIns, bus, request.Secrets);

    /// <summary>Runs a flow; events are sent at once, in their order, as it must not matter when they come.</summary>
    internal async Task<RunResult> RunAsync(RunRequest request, FlowStart? template = null, FlowHost? host = null)
    {
        var validation = FlowValidator.Validate(request.Definition);
        Assert.True(validation.IsValid, string.Join(Environment.NewLine, validation.Problems));
        var start = (template ?? new FlowStart { Definition = "" }) with { Definition = validation.Definition!.Json, Hash = validation.Definition.Hash, Input = request.Input };
        var queue = $"flows-{Guid.NewGuid():N}";
        using var worker = new FlowWorker(Client, host ?? Host(request, new RecordingBus()), queue);
        return await worker.ExecuteAsync(async () =>
        {
            var handle = await Client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(start), new(id: $"test-{Guid.NewGuid():N}", taskQueue: queue) { ExecutionTimeout = Patience });
            foreach (var planned in request.Events)
            {
                await handle.SignalAsync("event", [RawValues.Raw(planned.Event)]);
            }
            var result = await EndAsync(handle);
            var state = await Client.GetWorkflowHandle(handle.Id).QueryAsync<FlowRunState>("state", []);
            await ReplayAsync(handle.Id);
            return result with { Steps = state.Steps };
        });
    }

    /// <summary>Replays every run of the chain.</summary>
    internal async Task ReplayAsync(string id)
    {
        var replayer = new WorkflowReplayer(new WorkflowReplayerOptions().AddWorkflow<FlowWorkflow>().AddWorkflow<FlowScheduleWorkflow>());
        var replayed = await replayer.ReplayWorkflowAsync(await Client.GetWorkflowHandle(id).FetchHistoryAsync(), throwOnReplayFailure: false);
        Assert.Null(replayed.ReplayFailure);
    }

    private static async Task<RunResult> EndAsync(WorkflowHandle<FlowWorkflow, RawValue> handle)
    {
        try
        {
            var output = await handle.GetResultAsync();
            return new RunResult(FlowStatus.Completed, RawValues.Value(output), null, []);
        }
        catch (WorkflowFailedException error) when (error.InnerException is ApplicationFailureException failure)
        {
            return new RunResult(FlowStatus.Faulted, JqValue.Null, FlowError.FromValue(RawValues.Value(failure.Details.ElementAt<RawValue>(0))), []);
        }
        catch (WorkflowFailedException error) when (error.InnerException is CanceledFailureException)
        {
            return new RunResult(FlowStatus.Cancelled, JqValue.Null, null, []);
        }
    }
}
