using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Update.V1;
using ProtocolMessage = Temporalio.Api.Protocol.V1.Message;

namespace Baton.Durable.Execution.Commands;

/// <summary>
/// What a worker says of updates: accepted, rejected or completed. Acceptance and completion stand in the history in the order of
/// their commands; a rejection leaves no event.
/// </summary>
internal static class ProtocolMessages
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadUpdateWorkflowExecutionMessage;

    public static void Check(CommandBatch batch, Command command)
    {
        var id = command.ProtocolMessageCommandAttributes?.MessageId ?? throw new BadCommandException(Bad, "ProtocolMessageCommandAttributes is not set on command.");
        var message = batch.Request.Messages.FirstOrDefault(message => message.Id == id)
            ?? throw new BadCommandException(Bad, $"ProtocolMessageCommand references unknown message {id}.");
        if (!batch.UsedMessages.Add(id))
        {
            throw new BadCommandException(Bad, $"ProtocolMessageCommand references message {id} twice.");
        }

        CheckMessage(batch, message);
    }

    public static void CheckMessage(CommandBatch batch, ProtocolMessage message)
    {
        if (message.Body is null)
        {
            throw new BadCommandException(Bad, $"Message {message.Id} has no body.");
        }

        try
        {
            if (message.Body.TryUnpack<Acceptance>(out _) || message.Body.TryUnpack<Rejection>(out _))
            {
                return;
            }

            if (message.Body.Is(Response.Descriptor))
            {
                batch.RequireSize(message.Body, Bad, $"Message type {Response.Descriptor.FullName}");
                return;
            }
        }
        catch (InvalidProtocolBufferException)
        {
        }

        throw new BadCommandException(Bad, $"Message {message.Id} of protocol {message.ProtocolInstanceId} has an unknown body {message.Body.TypeUrl}.");
    }

    public static void Apply(CommandBatch batch, Command command) =>
        ApplyMessage(batch, batch.Request.Messages.First(message => message.Id == command.ProtocolMessageCommandAttributes.MessageId));

    public static void ApplyMessage(CommandBatch batch, ProtocolMessage message)
    {
        var run = batch.Run;
        var id = message.ProtocolInstanceId;
        var update = run.Updates.Find(id);
        if (message.Body.TryUnpack<Acceptance>(out var acceptance))
        {
            // After a crash the request is only in the worker's message.
            var request = update?.Request ?? (acceptance.AcceptedRequest is { Meta: not null } carried ? carried : null);
            if (run.S.Updates.TryGetValue(id, out var taken) && taken.AcceptedEventId > 0 || request is null)
            {
                return;
            }

            if (update is null)
            {
                update = new PendingUpdate(id, request);
                run.Updates.Add(update);
            }

            var accepted = new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionUpdateAccepted,
                WorkflowExecutionUpdateAcceptedEventAttributes = new WorkflowExecutionUpdateAcceptedEventAttributes
                {
                    ProtocolInstanceId = id,
                    AcceptedRequestMessageId = acceptance.AcceptedRequestMessageId,
                    AcceptedRequestSequencingEventId = acceptance.AcceptedRequestSequencingEventId,
                    AcceptedRequest = request,
                },
            };
            accepted.Links.AddRange(request.Links.Concat(request.CompletionCallbacks.SelectMany(static callback => callback.Links)).Distinct());
            run.Append(batch.Step, accepted);
            run.S.Updates[id] = new UpdateState { UpdateId = id, AcceptedEventId = accepted.EventId, ProtocolInstanceId = id };
            update.AcceptedEventId = accepted.EventId;
            update.Advance(batch.Step, UpdateStage.Accepted);
            DeliverCallbacks.Add(batch.Step, run.S.Callbacks, request.CompletionCallbacks, request.RequestId, id);
            foreach (var joined in update.Joined)
            {
                UpdateCallbacks.Attach(batch.Step, run, joined);
            }
        }
        else if (message.Body.TryUnpack<Rejection>(out var rejection))
        {
            if (update is not null)
            {
                run.Updates.Remove(update);
                run.S.Updates.Remove(id);
                update.Advance(batch.Step, UpdateStage.Completed, new Outcome { Failure = rejection.Failure });
            }
        }
        else if (message.Body.TryUnpack<Response>(out var response) && run.S.Updates.TryGetValue(id, out var known) && known.CompletedEventId == 0)
        {
            known.CompletedEventId = run.Append(batch.Step, new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionUpdateCompleted,
                WorkflowExecutionUpdateCompletedEventAttributes = new WorkflowExecutionUpdateCompletedEventAttributes
                {
                    Meta = response.Meta,
                    Outcome = response.Outcome,
                    AcceptedEventId = known.AcceptedEventId,
                },
            }).EventId;
            if (update is not null)
            {
                run.Updates.Remove(update);
                update.Advance(batch.Step, UpdateStage.Completed, response.Outcome);
            }

            batch.Afterwards.Add(() => DeliverCallbacks.OnUpdateCompleted(batch.Step, run, id));
        }
    }
}
