using Google.Protobuf.WellKnownTypes;
using Temporalio.Client;
using Temporalio.Client.Schedules;
using Temporalio.Converters;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Schedules;

/// <summary>Schedules with a worker that runs what they start.</summary>
public sealed class ScheduleRunTests
{
    /// <summary>Counts on from its last successful run; fails on its third run.</summary>
    [Workflow("Counter")]
    public sealed class Counter
    {
        [WorkflowRun]
        public async Task<int> RunAsync()
        {
            var last = Workflow.Info.LastResult?.Count > 0
                ? await new EncodedRawValue(DataConverter.Default, Workflow.Info.LastResult.Single().Payload).ToValueAsync<int>()
                : 0;
            return last == 2 && Workflow.Info.LastFailure is null ? throw new Temporalio.Exceptions.ApplicationFailureException("third time") : last + 1;
        }
    }

    [Fact]
    public async Task Results_and_failures_are_carried_from_run_to_run_in_skipped_time()
    {
        await using var server = await DurableServer.StartAsync(new() { TimeSkipping = true, TimeSkippingLocked = true });
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions("counters").AddWorkflow<Counter>());
        await worker.ExecuteAsync(async () =>
        {
            var handle = await client.CreateScheduleAsync("hourly", new(
                ScheduleActionStartWorkflow.Create("Counter", [], new("count", "counters")),
                new() { Intervals = [new(TimeSpan.FromHours(1))] })
            {
                State = new() { LimitedActions = true, RemainingActions = 4 },
                Policy = new() { Overlap = Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.BufferAll },
            });

            // Exactly this far: a schedule that has nothing left to do is deleted after some days.
            await client.Connection.TestService.UnlockTimeSkippingWithSleepAsync(new() { Duration = Duration.FromTimeSpan(TimeSpan.FromHours(4.5)) });
            ScheduleDescription shown;
            do
            {
                shown = await handle.DescribeAsync();
            }
            while (shown.Info.NumActions < 4 || shown.Info.RunningActions.Count > 0);

            var outcomes = new List<string>();
            foreach (var action in shown.Info.RecentActions.Select(a => Assert.IsType<ScheduleActionExecutionStartWorkflow>(a.Action)))
            {
                try
                {
                    outcomes.Add($"{await client.GetWorkflowHandle(action.WorkflowId, action.FirstExecutionRunId).GetResultAsync<int>()}");
                }
                catch (Temporalio.Exceptions.WorkflowFailedException e)
                {
                    outcomes.Add(e.InnerException!.Message);
                }
            }
            Assert.Equal(["1", "2", "third time", "3"], outcomes);
            Assert.Equal(
                shown.Info.RecentActions.Select(a => a.ScheduledAt),
                Enumerable.Range(0, 4).Select(i => shown.Info.RecentActions.First().ScheduledAt.AddHours(i)));
        });
    }
}
