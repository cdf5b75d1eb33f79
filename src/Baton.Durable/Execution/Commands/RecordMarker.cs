using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class RecordMarker
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadRecordMarkerAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.RecordMarkerCommandAttributes ?? throw new BadCommandException(Bad, "RecordMarkerCommandAttributes is not set on command.");
        CommandBatch.RequireId(a.MarkerName, batch.Limits.IdLength, Bad, "MarkerName");
        batch.RequireSize(new Payloads { Payloads_ = { a.Details.Values.SelectMany(static details => details.Payloads_) } }, Bad, "RecordMarkerCommandAttributes.Details");
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.RecordMarkerCommandAttributes;
        var attributes = new MarkerRecordedEventAttributes
        {
            MarkerName = a.MarkerName,
            WorkflowTaskCompletedEventId = batch.CompletedEventId,
            Header = a.Header,
            Failure = a.Failure,
        };
        attributes.Details.Add(a.Details);
        batch.Append(command, new HistoryEvent { EventType = EventType.MarkerRecorded, MarkerRecordedEventAttributes = attributes });
    }
}
