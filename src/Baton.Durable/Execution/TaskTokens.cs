using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf;

namespace Baton.Durable.Execution;

/// <summary>Task tokens: opaque to workers, checked field by field when they come back.</summary>
internal static class TaskTokens
{
    public static ByteString Of(WorkflowRun run, WorkflowTaskState task) => new TaskToken
    {
        RunKey = run.RunKey,
        Kind = TaskKind.Workflow,
        NamespaceId = run.NamespaceId,
        RunId = run.RunId,
        ScheduledEventId = task.ScheduledEventId,
        StartedEventId = task.StartedEventId,
        Attempt = task.Attempt,
        Clock = task.StartedTime,
    }.ToByteString();

    public static ByteString Of(Entity owner, ActivityState activity) => new TaskToken
    {
        RunKey = owner.RunKey,
        Kind = TaskKind.Activity,
        NamespaceId = owner.NamespaceId,
        RunId = owner.RunId,
        ScheduledEventId = activity.ScheduledEventId,
        Attempt = activity.Attempt,
        Clock = activity.StartedTime,
    }.ToByteString();

    public static ByteString OfQuery(WorkflowRun run, string queryId) => new TaskToken
    {
        RunKey = run.RunKey,
        Kind = TaskKind.Workflow,
        NamespaceId = run.NamespaceId,
        RunId = run.RunId,
        QueryId = queryId,
    }.ToByteString();

    /// <exception cref="ServiceException">INVALID_ARGUMENT: not a token, or one of another kind or namespace.</exception>
    public static TaskToken Parse(ByteString bytes, TaskKind kind, string namespaceId)
    {
        if (bytes.IsEmpty)
        {
            throw ServiceErrors.InvalidArgument("Task token not set on request.");
        }

        TaskToken token;
        try
        {
            token = TaskToken.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            throw ServiceErrors.InvalidArgument("Error deserializing task token.");
        }

        // A Nexus request from outside belongs to no run.
        var isOfRun = token is { RunKey: > 0, RunId.Length: > 0 };
        if (token.Kind != kind || (!isOfRun && (kind != TaskKind.Nexus || token.QueryId.Length == 0)))
        {
            throw ServiceErrors.InvalidArgument("Error deserializing task token: it is of another kind of task.");
        }

        return token.NamespaceId == namespaceId
            ? token
            : throw ServiceErrors.InvalidArgument("Operation requested with a token from a different namespace.");
    }
}
