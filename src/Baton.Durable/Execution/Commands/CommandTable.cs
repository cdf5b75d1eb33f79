using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>Every command type with its check and its effect.</summary>
internal static class CommandTable
{
    private static readonly Dictionary<CommandType, (Action<CommandBatch, Command> Check, Action<CommandBatch, Command> Apply)> table = new()
    {
        [CommandType.ScheduleActivityTask] = (ScheduleActivityTask.Check, ScheduleActivityTask.Apply),
        [CommandType.RequestCancelActivityTask] = (RequestCancelActivityTask.Check, RequestCancelActivityTask.Apply),
        [CommandType.StartTimer] = (StartTimer.Check, StartTimer.Apply),
        [CommandType.CancelTimer] = (CancelTimer.Check, CancelTimer.Apply),
        [CommandType.CompleteWorkflowExecution] = (CompleteWorkflow.Check, CompleteWorkflow.Apply),
        [CommandType.FailWorkflowExecution] = (FailWorkflow.Check, FailWorkflow.Apply),
        [CommandType.CancelWorkflowExecution] = (CancelWorkflow.Check, CancelWorkflow.Apply),
        [CommandType.ContinueAsNewWorkflowExecution] = (ContinueAsNew.Check, ContinueAsNew.Apply),
        [CommandType.RecordMarker] = (RecordMarker.Check, RecordMarker.Apply),
        [CommandType.StartChildWorkflowExecution] = (StartChildWorkflow.Check, StartChildWorkflow.Apply),
        [CommandType.SignalExternalWorkflowExecution] = (SignalExternalWorkflow.Check, SignalExternalWorkflow.Apply),
        [CommandType.RequestCancelExternalWorkflowExecution] = (RequestCancelExternalWorkflow.Check, RequestCancelExternalWorkflow.Apply),
        [CommandType.UpsertWorkflowSearchAttributes] = (UpsertSearchAttributes.Check, UpsertSearchAttributes.Apply),
        [CommandType.ModifyWorkflowProperties] = (ModifyProperties.Check, ModifyProperties.Apply),
        [CommandType.ScheduleNexusOperation] = (ScheduleNexusOperation.Check, ScheduleNexusOperation.Apply),
        [CommandType.RequestCancelNexusOperation] = (RequestCancelNexusOperation.Check, RequestCancelNexusOperation.Apply),
        [CommandType.ProtocolMessage] = (ProtocolMessages.Check, ProtocolMessages.Apply),
    };

    public static void Check(CommandBatch batch, Command command)
    {
        if (!table.TryGetValue(command.CommandType, out var entry))
        {
            throw new BadCommandException(WorkflowTaskFailedCause.Unspecified, $"Unknown command type: {(int)command.CommandType}.");
        }

        entry.Check(batch, command);
    }

    public static void Apply(CommandBatch batch, Command command) => table[command.CommandType].Apply(batch, command);
}
