using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class UpsertSearchAttributes
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadSearchAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.UpsertWorkflowSearchAttributesCommandAttributes ?? throw new BadCommandException(Bad, "UpsertWorkflowSearchAttributesCommandAttributes is not set on command.");
        if (a.SearchAttributes is not { IndexedFields.Count: > 0 })
        {
            throw new BadCommandException(Bad, "IndexedFields is empty on command.");
        }

        SearchAttributeCodec.Require(a.SearchAttributes, batch.Run.Namespace, problem => new BadCommandException(Bad, problem));
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var run = batch.Run;
        var upserted = command.UpsertWorkflowSearchAttributesCommandAttributes.SearchAttributes;
        batch.Append(command, new HistoryEvent
        {
            EventType = EventType.UpsertWorkflowSearchAttributes,
            UpsertWorkflowSearchAttributesEventAttributes = new UpsertWorkflowSearchAttributesEventAttributes
            {
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
                SearchAttributes = upserted,
            },
        });
        Merge(run, upserted);
        batch.Step.Touch(run, visibility: true);
    }

    public static void Merge(WorkflowRun run, SearchAttributes upserted)
    {
        var merged = SearchAttributes.Parser.ParseFrom(run.S.SearchAttributes);
        SearchAttributeCodec.Upsert(merged.IndexedFields, upserted.IndexedFields);
        run.S.SearchAttributes = merged.ToByteString();
    }
}
