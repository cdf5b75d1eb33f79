using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Common.V1;

namespace Baton.Durable.Standalone;

/// <summary>A start that finds its id in use.</summary>
internal static class StandaloneStart
{
    /// <summary>The execution that a start is answered with instead of a new one, or null.</summary>
    /// <param name="mayHave">Whether the policies of the request let it have the id of the one that is there, or be answered with it while that runs.</param>
    /// <param name="refusal">What it is told if not.</param>
    /// <exception cref="ServiceException">ALREADY_EXISTS: the policies forbid the id.</exception>
    public static T? FindExisting<T>(
        Step step, EntityKind kind, NamespaceEntry space, string id, string requestId, Func<T, bool> mayHave, Func<string, string, ServiceException> refusal)
        where T : StandaloneEntity
    {
        if (!step.TryFindCurrent<T>(kind, space.Id, id, out var current))
        {
            return null;
        }

        if (current.Common.StartRequestId == requestId || current.Common.AttachedRequestIds.Contains(requestId))
        {
            return current;
        }

        return !mayHave(current) ? throw refusal(current.Common.StartRequestId, current.RunId) : current.IsRunning ? current : null;
    }

    /// <summary>A start may leave its callbacks, links and request id with the execution that has its id. Null for what the request does not attach.</summary>
    public static void Attach(Step step, StandaloneEntity existing, string requestId, bool attachId, IEnumerable<Callback>? callbacks, IEnumerable<Link>? links)
    {
        var state = existing.Common;
        if (state.StartRequestId == requestId || state.AttachedRequestIds.Contains(requestId))
        {
            return;
        }

        DeliverCallbacks.Add(step, state.Callbacks, callbacks ?? [], requestId);
        AddLinks(state, links ?? []);
        if (attachId)
        {
            state.AttachedRequestIds.Add(requestId);
        }

        step.Touch(existing);
    }

    public static void AddLinks(IStandaloneState state, IEnumerable<Link> links) =>
        state.Links.AddRange(links.Select(static link => link.ToByteString()).Except(state.Links));
}
