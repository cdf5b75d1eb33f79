using Baton.Flows.Hosting;
using Baton.Server.Hosting;
using Baton.Server.Settings;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Converters;

namespace Baton.Server.Secrets;

/// <summary>Keys, secrets, and what keeps them out of everything else.</summary>
internal static class SecretsModule
{
    public static void AddSecrets(this IServiceCollection services, SecretSettings settings, DataFolder folder, Redactor redactor)
    {
        services.AddSingleton(provider => KeyRing.Open(settings.KeyFile ?? folder.File(KeyRing.FileName), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(redactor);
        services.AddSingleton<RedactingSpans>();
        services.AddSingleton<SecretStore>();
        services.AddSingleton<IFlowSecrets, FlowSecrets>();
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Converters.Add(new RedactingJson(redactor)));
        // How the server's own client and workers write payloads.
        services.AddSingleton(provider => DataConverter.Default with
        {
            PayloadCodec = new PayloadCodec(redactor, settings.EncryptPayloads ? new Sealer(provider.GetRequiredService<KeyRing>(), "payloads") : null),
            FailureConverter = new RedactingFailures(redactor),
        });
    }
}
