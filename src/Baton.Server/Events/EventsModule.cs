using Baton.Flows.Hosting;
using Baton.Server.Errors;
using Baton.Server.Events.Log;
using Baton.Server.Events.Log.Nats;
using Baton.Server.Events.Log.Sqlite;
using Baton.Server.Events.Routing;
using Baton.Server.Events.Subscriptions;
using Baton.Server.Events.Webhooks;
using Baton.Server.Hosting;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Events;

/// <summary>The log of events, what comes into it (HTTP, webhooks, flows), and what goes out of it (flows, subscriptions).</summary>
internal static class EventsModule
{
    public const string FileName = "events.db";

    /// <exception cref="BatonException">The log cannot be opened.</exception>
    public static async Task<IEventLog> OpenLogAsync(EventSettings settings, DataFolder folder, TimeProvider time, CancellationToken cancel)
    {
        var options = new EventLogOptions
        {
            DeduplicationWindow = settings.DeduplicationWindow,
            RetainFor = settings.RetainFor,
            RetainBytes = settings.RetainBytes,
            MaxBytes = settings.MaxBytes,
            RetainDeadLettersFor = settings.RetainDeadLettersFor,
        };
        try
        {
            return settings.Nats is { } url
                ? await NatsEventLog.OpenAsync(
                    new(url) { CredentialsFile = settings.NatsCredentials, Stream = settings.NatsStream, Prefix = settings.NatsPrefix, Replicas = settings.NatsReplicas }, options, time, cancel)
                : SqliteEventLog.Open(folder.File(FileName), options, time);
        }
        catch (EventLogException error)
        {
            throw EventErrors.Of(error);
        }
    }

    public static void AddEvents(this IServiceCollection services, IEventLog log)
    {
        // From a factory, so that the log is closed with the services.
        services.AddSingleton<IEventLog>(provider => new RedactingEventLog(log, provider.GetRequiredService<Redactor>()));
        services.AddSingleton<EventIntake>();
        services.AddHostedService<EventRetention>();

        services.AddSingleton<FlowListeners>();
        services.AddSingleton<IFlowEventBus, FlowEventBus>();
        services.AddHostedService<EventRouter>();

        services.AddSingleton(provider => new SecretTexts((name, cancel) => provider.GetRequiredService<SecretStore>().FindAsync(name, null, cancel)));
        services.AddSingleton<WebhookReceiver>();
        services.AddSingleton<SubscriptionSender>();
        services.AddSingleton<SubscriptionWorkers>();
        services.AddHostedService(provider => provider.GetRequiredService<SubscriptionWorkers>());
    }
}

internal static class EventErrors
{
    public static BatonException Of(EventLogException error) => error is EventLogFullException
        ? new(ErrorCodes.EventLogFull, "the log of events takes no more", error.Message, "see with `baton event consumers` who lags behind; raise Events:MaxBytes, or delete a consumer that nobody needs", error)
        : new(ErrorCodes.EventLogUnavailable, "the log of events cannot be used", error.Message, "see that its disk has room, or that the NATS server answers", error);
}
