using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Hosting;

/// <summary>Counts long polls under way by namespace and method, so that one namespace cannot hold all of the server.</summary>
internal sealed class PollLimiter(int limit)
{
    private readonly Lock gate = new();
    private readonly Dictionary<(string Namespace, string Method), int> running = [];

    /// <exception cref="ServiceException">RESOURCE_EXHAUSTED: the limit is reached.</exception>
    public void Enter(string ns, string method)
    {
        lock (gate)
        {
            var count = running.GetValueOrDefault((ns, method));
            if (count >= limit)
            {
                throw ServiceErrors.ResourceExhausted(ResourceExhaustedCause.ConcurrentLimit,
                    $"namespace concurrent poller limit exceeded: {limit} calls of {method} are under way in namespace {ns}");
            }
            running[(ns, method)] = count + 1;
        }
    }

    public void Leave(string ns, string method)
    {
        lock (gate)
        {
            var left = running[(ns, method)] - 1;
            if (left == 0)
            {
                running.Remove((ns, method));
            }
            else
            {
                running[(ns, method)] = left;
            }
        }
    }
}
