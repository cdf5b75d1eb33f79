using NexusRpc;
using NexusRpc.Handlers;
using Temporalio.Nexus;

namespace Baton.Conformance.Cases;

/// <summary>Nexus operations backed by workflow updates: their completion callbacks wait for the update, not for the workflow.</summary>
public class NexusUpdateTests(ServerFixture server) : ConformanceTest(server)
{
    public record AddInput(string WorkflowId, int Amount, string UpdateId);

    [NexusService]
    public interface ICounters
    {
        [NexusOperation]
        int Add(AddInput input);
    }

    [NexusServiceHandler(typeof(ICounters))]
    public class Counters
    {
        [NexusOperationHandler]
        public IOperationHandler<AddInput, int> Add() => TemporalOperationHandler.FromHandleFactory<AddInput, int>((_, client, input) =>
            client.StartWorkflowUpdateAsync<Counter, int>(
                input.WorkflowId, wf => wf.AddAsync(input.Amount), new(WorkflowUpdateStage.Accepted) { Id = input.UpdateId }));
    }

    [Workflow]
    public class Counter
    {
        private int _count;
        private bool _mayEnd;

        [WorkflowRun]
        public async Task<int> RunAsync()
        {
            await Workflow.WaitConditionAsync(() => _mayEnd);
            return _count;
        }

        [WorkflowUpdate]
        public async Task<int> AddAsync(int amount)
        {
            if (amount == 0)
            {
                // Until the workflow closes under it.
                await Workflow.WaitConditionAsync(() => false);
            }
            return amount < 0 ? throw new ApplicationFailureException("negative amount") : _count += amount;
        }

        [WorkflowUpdateValidator(nameof(AddAsync))]
        public void ValidateAdd(int amount)
        {
            if (amount % 5 != 0)
            {
                throw new ApplicationFailureException("not a multiple of five");
            }
        }

        [WorkflowSignal]
        public Task EndAsync()
        {
            _mayEnd = true;
            return Task.CompletedTask;
        }
    }

    [Workflow]
    public class Caller
    {
        [WorkflowRun]
        public async Task<string> RunAsync(string endpoint, AddInput input)
        {
            try
            {
                return $"{await Workflow.CreateNexusWorkflowClient<ICounters>(endpoint).ExecuteNexusOperationAsync(counters => counters.Add(input))}";
            }
            catch (NexusOperationFailureException error)
            {
                return error.GetBaseException().Message;
            }
        }
    }

    [Fact]
    public Task The_operation_ends_with_the_update_and_a_second_one_has_its_result_at_once() => WithCounterAsync(async (endpoint, counter) =>
    {
        var first = await CallAsync(endpoint, new(counter.Id, 5, "same"));
        Assert.Equal("5", await first.GetResultAsync());
        var started = Assert.Single(await EventsAsync(first, EventType.NexusOperationStarted));
        Assert.NotEmpty(started.NexusOperationStartedEventAttributes.OperationToken);
        Assert.Equal(EventType.WorkflowExecutionUpdateAccepted, Assert.Single(started.Links).WorkflowEvent.EventRef.EventType);
        var accepted = await EventAsync(counter, EventType.WorkflowExecutionUpdateAccepted);
        Assert.Equal(first.Id, accepted.Links[0].WorkflowEvent.WorkflowId);

        var second = await CallAsync(endpoint, new(counter.Id, 5, "same"));
        Assert.Equal("5", await second.GetResultAsync());
        Assert.Empty(await EventsAsync(second, EventType.NexusOperationStarted));
        Assert.Equal(WorkflowExecutionStatus.Running, (await counter.DescribeAsync()).Status);
    });

    [Theory]
    [InlineData(6, "not a multiple of five", 0)]
    [InlineData(-5, "negative amount", 1)]
    public Task An_update_that_is_rejected_or_fails_fails_the_operation(int amount, string expected, int accepted) => WithCounterAsync(async (endpoint, counter) =>
    {
        var caller = await CallAsync(endpoint, new(counter.Id, amount, "bad"));
        Assert.Contains(expected, await caller.GetResultAsync(), StringComparison.Ordinal);
        Assert.Equal(accepted, (await EventsAsync(counter, EventType.WorkflowExecutionUpdateAccepted)).Count);
    });

    [Fact]
    public Task An_update_of_a_workflow_that_closes_under_it_fails_the_operations_of_all_callers() => WithCounterAsync(async (endpoint, counter) =>
    {
        var one = await CallAsync(endpoint, new(counter.Id, 0, "shared"));
        await EventAsync(one, EventType.NexusOperationStarted);
        var two = await CallAsync(endpoint, new(counter.Id, 0, "shared"));
        await EventAsync(two, EventType.NexusOperationStarted);
        var callbacks = (await DescribeRawAsync(counter)).Callbacks;
        Assert.Equal(2, callbacks.Count);
        Assert.All(callbacks, callback => Assert.Equal("shared", callback.Trigger.UpdateWorkflowExecutionCompleted.UpdateId));
        var attached = await EventAsync(counter, EventType.WorkflowExecutionOptionsUpdated);
        Assert.Equal("shared", Assert.Single(attached.WorkflowExecutionOptionsUpdatedEventAttributes.WorkflowUpdateOptions).UpdateId);

        await counter.TerminateAsync();
        Assert.Contains("completed before the Update completed", await one.GetResultAsync(), StringComparison.Ordinal);
        Assert.Contains("completed before the Update completed", await two.GetResultAsync(), StringComparison.Ordinal);
    });

    private Task<WorkflowHandle<Caller, string>> CallAsync(string endpoint, AddInput input) =>
        Client.StartWorkflowAsync((Caller wf) => wf.RunAsync(endpoint, input), Options());

    private async Task WithCounterAsync(Func<string, WorkflowHandle<Counter, int>, Task> body)
    {
        var endpoint = (await Client.OperatorService.CreateNexusEndpointAsync(new()
        {
            Spec = new() { Name = NewId("endpoint"), Target = new() { Worker = new() { Namespace = ServerFixture.Namespace, TaskQueue = TaskQueue } } },
        })).Endpoint;
        await WithWorkerAsync<Caller>(
            async () =>
            {
                var counter = await Client.StartWorkflowAsync((Counter wf) => wf.RunAsync(), Options());
                await body(endpoint.Spec.Name, counter);
                if ((await counter.DescribeAsync()).Status == WorkflowExecutionStatus.Running)
                {
                    await counter.SignalAsync(wf => wf.EndAsync());
                    await counter.GetResultAsync();
                }
            },
            options => options.AddWorkflow<Counter>().AddNexusService(new Counters()));
        await Client.OperatorService.DeleteNexusEndpointAsync(new() { Id = endpoint.Id, Version = endpoint.Version });
    }
}
