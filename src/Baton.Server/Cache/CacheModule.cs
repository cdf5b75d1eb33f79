using Baton.Server.Settings;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Baton.Server.Cache;

public sealed class CacheSettings : ICheckedSettings
{
    [Setting("Redis that replicas share as a cache, HOST:PORT and options as StackExchange.Redis takes them; none caches in memory.", IsSecret = true)]
    public string? Redis { get; init; }

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Redis is not null && (Parse(Redis) is not { } options || options.EndPoints.Count == 0))
        {
            yield return (nameof(Redis), "must be HOST:PORT, with options after commas");
        }
    }

    internal static ConfigurationOptions? Parse(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(text);
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            return null;
        }
    }
}

/// <summary>
/// The cache: memory, and behind it a Redis where one is named. It holds only what never changes, or may be a few seconds
/// old; a Redis that is away costs time and nothing else.
/// </summary>
internal static class CacheModule
{
    private const int MaxEntryBytes = 2 * 1024 * 1024;

    public static void AddCache(this IServiceCollection services, CacheSettings settings)
    {
        if (settings.Redis is { } redis)
        {
            services.AddStackExchangeRedisCache(options =>
            {
                options.InstanceName = "baton:";
                options.ConfigurationOptions = CacheSettings.Parse(redis)!;
                options.ConfigurationOptions.AbortOnConnectFail = false;
                options.ConfigurationOptions.ConnectTimeout = 2_000;
                options.ConfigurationOptions.AsyncTimeout = 1_000;
            });
        }
        services.AddHybridCache(options =>
        {
            options.MaximumPayloadBytes = MaxEntryBytes;
            options.DefaultEntryOptions = new HybridCacheEntryOptions { Expiration = TimeSpan.FromHours(1), LocalCacheExpiration = TimeSpan.FromMinutes(5) };
        });
    }
}
