namespace Deploy;

/// <summary>Where this worker deploys to, from its environment.</summary>
/// <param name="Root">Holds work/ (scratch of running deploys), releases/ and the link `current` to the live one.</param>
/// <param name="RestartCommand">Restarts the service so that it runs what `current` points at. Must bear being run twice.</param>
/// <param name="HealthUrl">Answers 2xx when the service works, with the field `revision` naming its release.</param>
/// <param name="HealthPatience">How long a release may take until it is healthy.</param>
public sealed record DeploySettings(string Root, string RestartCommand, Uri HealthUrl, TimeSpan HealthPatience)
{
    public static DeploySettings FromEnvironment() => new(
        Path.GetFullPath(Required("DEPLOY_ROOT")),
        Required("DEPLOY_RESTART"),
        new Uri(Required("DEPLOY_HEALTH_URL")),
        TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("DEPLOY_HEALTH_SECONDS") ?? "20", System.Globalization.CultureInfo.InvariantCulture)));

    private static string Required(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : throw new InvalidOperationException($"the variable {name} is not set");
}
