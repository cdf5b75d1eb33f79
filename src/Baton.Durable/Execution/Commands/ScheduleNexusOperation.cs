using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Nexus;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>A Nexus operation is scheduled. Its timeouts are cut to the run's own, and to the time for the whole operation.</summary>
internal static class ScheduleNexusOperation
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes;
    private const int MaxHeader = 8192;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.ScheduleNexusOperationCommandAttributes ?? throw new BadCommandException(Bad, "empty ScheduleNexusOperationCommandAttributes");
        if (a.Endpoint != SystemNexus.Endpoint && !batch.Run.Core.Endpoints.TryGetByName(a.Endpoint, out _))
        {
            throw new BadCommandException(Bad, $"endpoint \"{a.Endpoint}\" not found");
        }

        var limit = batch.Limits.IdLength;
        CommandBatch.RequireId(a.Service, limit, Bad, "ScheduleNexusOperationCommandAttributes.Service");
        CommandBatch.RequireId(a.Operation, limit, Bad, "ScheduleNexusOperationCommandAttributes.Operation");
        RequireTimeout(a.ScheduleToCloseTimeout, "ScheduleToCloseTimeout");
        RequireTimeout(a.ScheduleToStartTimeout, "ScheduleToStartTimeout");
        RequireTimeout(a.StartToCloseTimeout, "StartToCloseTimeout");
        batch.RequireSize(a.Input, Bad, "ScheduleNexusOperationCommandAttributes.Input");
        if (a.NexusHeader.Keys.FirstOrDefault(static key => key.Equals("request-timeout", StringComparison.OrdinalIgnoreCase)) is { } reserved)
        {
            throw new BadCommandException(Bad, $"ScheduleNexusOperationCommandAttributes.NexusHeader contains a disallowed header key: \"{reserved}\"");
        }

        if (a.NexusHeader.Sum(static header => header.Key.Length + header.Value.Length) > MaxHeader)
        {
            throw new BadCommandException(Bad, $"ScheduleNexusOperationCommandAttributes.NexusHeader exceeds size limit of {MaxHeader}");
        }

        if (batch.Run.S.NexusOperations.Count + ++batch.NewNexusOperations > batch.Limits.PendingNexusOperations)
        {
            throw new BadCommandException(
                WorkflowTaskFailedCause.PendingNexusOperationsLimitExceeded,
                $"workflow has reached the pending nexus operation limit of {batch.Limits.PendingNexusOperations} for this namespace");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.ScheduleNexusOperationCommandAttributes;
        var run = batch.Run;
        run.Core.Endpoints.TryGetByName(a.Endpoint, out var endpoint);
        var close = Cut(Instant.From(a.ScheduleToCloseTimeout), run.S.RunTimeout, orLimit: true);
        var attributes = new NexusOperationScheduledEventAttributes
        {
            Endpoint = a.Endpoint,
            EndpointId = endpoint?.Id ?? "",
            Service = a.Service,
            Operation = a.Operation,
            Input = a.Input,
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(close),
            ScheduleToStartTimeout = Instant.ToDuration(Cut(Instant.From(a.ScheduleToStartTimeout), close)),
            StartToCloseTimeout = Instant.ToDuration(Cut(Instant.From(a.StartToCloseTimeout), close)),
            RequestId = Guid.NewGuid().ToString("D"),
            WorkflowTaskCompletedEventId = batch.CompletedEventId,
        };
        foreach (var (key, value) in a.NexusHeader)
        {
            attributes.NexusHeader[key.ToLowerInvariant()] = value;
        }

        var scheduled = batch.Append(command, new HistoryEvent { EventType = EventType.NexusOperationScheduled, NexusOperationScheduledEventAttributes = attributes });
        var operation = AttemptNexusOperation.New(scheduled, batch.Step.Now);
        run.S.NexusOperations.Add(scheduled.EventId, operation);
        batch.Afterwards.Add(() =>
        {
            if (run.IsRunning && run.S.NexusOperations.ContainsKey(scheduled.EventId))
            {
                AttemptNexusOperation.Begin(batch.Step, run, operation);
            }
        });
    }

    private static long Cut(long timeout, long limit, bool orLimit = false) =>
        limit > 0 && (timeout > limit || (timeout == 0 && orLimit)) ? limit : timeout;

    private static void RequireTimeout(Duration? timeout, string field)
    {
        if (timeout is not null && (timeout.Seconds < 0 || timeout.Nanos < 0))
        {
            throw new BadCommandException(Bad, $"ScheduleNexusOperationCommandAttributes.{field} is invalid: it is negative");
        }
    }
}
