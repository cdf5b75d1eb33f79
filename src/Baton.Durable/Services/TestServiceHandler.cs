using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Temporalio.Api.TestService.V1;

namespace Baton.Durable.Services;

/// <summary>Time of a time-skipping server. Locks nest; while there is none, time jumps to what is due next.</summary>
internal sealed class TestServiceHandler(DurableEngine engine)
{
    public Task<LockTimeSkippingResponse> LockTimeSkipping(LockTimeSkippingRequest request, CallContext call)
    {
        engine.Clock.Lock();
        return Task.FromResult(new LockTimeSkippingResponse());
    }

    public Task<UnlockTimeSkippingResponse> UnlockTimeSkipping(UnlockTimeSkippingRequest request, CallContext call)
    {
        Unlock();
        return Task.FromResult(new UnlockTimeSkippingResponse());
    }

    public Task<SleepResponse> Sleep(SleepRequest request, CallContext call) => SleepFor(Instant.From(request.Duration), call);

    public Task<SleepResponse> SleepUntil(SleepUntilRequest request, CallContext call) => SleepUntil(Instant.From(request.Timestamp), call);

    public Task<SleepResponse> UnlockTimeSkippingWithSleep(SleepRequest request, CallContext call)
    {
        var sleep = SleepUntil(engine.Clock.Now() + Instant.From(request.Duration), call, relock: true);
        Unlock();
        return sleep;
    }

    public Task<GetCurrentTimeResponse> GetCurrentTime(Google.Protobuf.WellKnownTypes.Empty request, CallContext call) =>
        Task.FromResult(new GetCurrentTimeResponse { Time = Instant.ToTimestamp(engine.Clock.Now()) });

    private Task<SleepResponse> SleepFor(long duration, CallContext call) => SleepUntil(engine.Clock.Now() + duration, call);

    /// <param name="relock">Locks time again with the very step that ends the sleep, before time can jump further.</param>
    private Task<SleepResponse> SleepUntil(long instant, CallContext call, bool relock = false)
    {
        var relocked = 0;
        void Relock()
        {
            if (relock && Interlocked.Exchange(ref relocked, 1) == 0)
            {
                engine.Clock.Lock();
            }
        }

        return engine.Wait<SleepResponse>(
            (step, reply) => step.Core.Sleepers.Enqueue(
                at =>
                {
                    Relock();
                    reply.Set(at, new SleepResponse());
                },
                instant),
            (step, reply) =>
            {
                Relock();
                reply.Fail(step, ServiceErrors.Canceled("The caller is gone."));
            },
            Timeout.InfiniteTimeSpan,
            call.CancellationToken);
    }

    private void Unlock()
    {
        if (!engine.Clock.Unlock())
        {
            throw ServiceErrors.FailedPrecondition("Time skipping is not locked: there is an unlock without its lock.");
        }

        engine.Post(static _ => { });
    }
}
