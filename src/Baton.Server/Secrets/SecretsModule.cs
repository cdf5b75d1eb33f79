using Baton.Server.Hosting;
using Baton.Server.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Secrets;

internal static class SecretsModule
{
    public static void AddKeys(this IServiceCollection services, SecretSettings settings, DataFolder folder) =>
        services.AddSingleton(provider => KeyRing.Open(settings.KeyFile ?? folder.File(KeyRing.FileName), provider.GetRequiredService<TimeProvider>()));
}
