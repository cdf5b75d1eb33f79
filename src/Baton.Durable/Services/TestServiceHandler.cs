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

    public async Task<SleepResponse> UnlockTimeSkippingWithSleep(SleepRequest request, CallContext call)
    {
        var until = engine.Clock.Now() + Instant.From(request.Duration);
        var sleep = SleepUntil(until, call);
        Unlock();
        try
        {
            return await sleep;
        }
        finally
        {
            engine.Clock.Lock();
        }
    }

    public Task<GetCurrentTimeResponse> GetCurrentTime(Google.Protobuf.WellKnownTypes.Empty request, CallContext call) =>
        Task.FromResult(new GetCurrentTimeResponse { Time = Instant.ToTimestamp(engine.Clock.Now()) });

    private Task<SleepResponse> SleepFor(long duration, CallContext call) => SleepUntil(engine.Clock.Now() + duration, call);

    private Task<SleepResponse> SleepUntil(long instant, CallContext call) => engine.Wait<SleepResponse>(
        (step, reply) => step.Core.Sleepers.Enqueue(at => reply.Set(at, new SleepResponse()), instant),
        (step, reply) => reply.Fail(step, ServiceErrors.Canceled("The caller is gone.")),
        Timeout.InfiniteTimeSpan,
        call.CancellationToken);

    private void Unlock()
    {
        if (!engine.Clock.Unlock())
        {
            throw ServiceErrors.FailedPrecondition("Time skipping is not locked: there is an unlock without its lock.");
        }

        engine.Post(static _ => { });
    }
}
