using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.State;
using Google.Protobuf;

namespace Baton.Durable.Standalone;

/// <summary>What the handlers of executions without a workflow share: how a request names one, and waiting for it.</summary>
internal abstract class StandaloneHandlerBase(DurableEngine engine) : HandlerBase(engine)
{
    protected const int MaxPage = 1000;

    protected void RequireTarget(string id, string runId, string field)
    {
        RequireId(id, field);
        if (runId.Length > 0 && !Guid.TryParse(runId, out _))
        {
            throw ServiceErrors.InvalidArgument("invalid run id: must be a valid UUID");
        }
    }

    /// <summary>The wait of a describing caller that has seen the execution before. False when the time was up.</summary>
    protected Task<bool> WaitForNewsAsync(ByteString longPollToken, CallContext call, Func<Step, StandaloneEntity> find)
    {
        var token = ParseToken(longPollToken);
        return WaitAsync(call, find, entity => token.RunKey != entity.RunKey || token.RunId != entity.RunId
            ? throw ServiceErrors.InvalidArgument("long poll token does not match execution")
            : entity.Common.Transitions != token.Transitions);
    }

    /// <summary>False when the time was up.</summary>
    protected Task<bool> WaitAsync<T>(CallContext call, Func<Step, T> find, Func<T, bool> isMet)
        where T : StandaloneEntity
    {
        T? waitedFor = null;
        return Engine.Wait<bool>(
            (step, reply) =>
            {
                var entity = waitedFor = find(step);
                if (isMet(entity))
                {
                    reply.Set(step, true);
                }
                else
                {
                    entity.Wait(reply, () => isMet(entity));
                }
            },
            (step, reply) =>
            {
                waitedFor?.StopWaiting(reply);
                reply.Set(step, false);
            },
            LongPolls.Limit(call, Limits.LongWait),
            call.CancellationToken);
    }

    private static ChangePollToken ParseToken(ByteString bytes)
    {
        try
        {
            return ChangePollToken.Parser.ParseFrom(bytes) is { RunKey: > 0, RunId.Length: > 0 } token ? token : throw ServiceErrors.InvalidArgument("invalid long poll token");
        }
        catch (InvalidProtocolBufferException)
        {
            throw ServiceErrors.InvalidArgument("invalid long poll token");
        }
    }
}
