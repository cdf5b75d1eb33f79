using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class StartTimer
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadStartTimerAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.StartTimerCommandAttributes ?? throw new BadCommandException(Bad, "StartTimerCommandAttributes is not set on command.");
        CommandBatch.RequireId(a.TimerId, batch.Limits.IdLength, Bad, "TimerId");
        if (Instant.From(a.StartToFireTimeout) <= 0)
        {
            throw new BadCommandException(Bad, $"An invalid StartToFireTimeout is set on command. TimerId={a.TimerId}");
        }

        if (!batch.Timers.Add(a.TimerId))
        {
            throw new BadCommandException(WorkflowTaskFailedCause.StartTimerDuplicateId, $"Timer id {a.TimerId} is in use by a pending timer.");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.StartTimerCommandAttributes;
        var started = batch.Append(command, new HistoryEvent
        {
            EventType = EventType.TimerStarted,
            TimerStartedEventAttributes = new TimerStartedEventAttributes
            {
                TimerId = a.TimerId,
                StartToFireTimeout = a.StartToFireTimeout,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
            },
        });
        batch.Run.S.Timers.Add(a.TimerId, new TimerState
        {
            TimerId = a.TimerId,
            StartedEventId = started.EventId,
            FireTime = Instant.Add(batch.Step.Now, Instant.From(a.StartToFireTimeout)),
        });
    }
}
