using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>Changes the memo. An empty value removes its key.</summary>
internal static class ModifyProperties
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadModifyWorkflowPropertiesAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.ModifyWorkflowPropertiesCommandAttributes ?? throw new BadCommandException(Bad, "ModifyWorkflowPropertiesCommandAttributes is not set on command.");
        if (a.UpsertedMemo is null)
        {
            throw new BadCommandException(Bad, "UpsertedMemo is not set on command.");
        }

        batch.RequireSize(a.UpsertedMemo, Bad, "ModifyWorkflowPropertiesCommandAttributes");
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var run = batch.Run;
        var upserted = command.ModifyWorkflowPropertiesCommandAttributes.UpsertedMemo;
        batch.Append(command, new HistoryEvent
        {
            EventType = EventType.WorkflowPropertiesModified,
            WorkflowPropertiesModifiedEventAttributes = new WorkflowPropertiesModifiedEventAttributes
            {
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
                UpsertedMemo = upserted,
            },
        });
        Merge(run, upserted);
        batch.Step.Touch(run, visibility: true);
    }

    public static void Merge(WorkflowRun run, Memo upserted)
    {
        var memo = Memo.Parser.ParseFrom(run.S.Memo);
        SearchAttributeCodec.Upsert(memo.Fields, upserted.Fields);
        run.S.Memo = memo.ToByteString();
    }
}
