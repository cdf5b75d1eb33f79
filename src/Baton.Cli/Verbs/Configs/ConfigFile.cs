using System.Text;
using System.Text.Json;
using Baton.Server.Errors;
using Temporalio.Common.EnvConfig;

namespace Baton.Cli.Verbs.Configs;

/// <summary>
/// Reads and writes the TOML file of client profiles. Reading is the SDK's; what is written is a table for each profile
/// with one table for TLS and one for headers, and comments of the old file are lost.
/// </summary>
internal static class ConfigFile
{
    private const string HeaderPrefix = "grpc_meta.";
    private const string TlsPrefix = "tls.";

    private static readonly string[] Plain = ["address", "namespace", "api_key"];
    private static readonly string[] Tls = ["disabled", "server_name", "server_ca_cert_path", "client_cert_path", "client_key_path"];

    public static string DefaultPath => Environment.GetEnvironmentVariable("TEMPORAL_CONFIG_FILE")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "temporalio", "temporal.toml");

    public static bool IsProperty(string name) =>
        Plain.Contains(name)
        || (name.StartsWith(TlsPrefix, StringComparison.Ordinal) && Tls.Contains(name[TlsPrefix.Length..]))
        || (name.StartsWith(HeaderPrefix, StringComparison.Ordinal) && name.Length > HeaderPrefix.Length);

    public static ClientEnvConfig Read(string path)
    {
        if (!File.Exists(path))
        {
            return new ClientEnvConfig(new Dictionary<string, ClientEnvConfig.Profile>());
        }
        try
        {
            return ClientEnvConfig.Load(new() { ConfigSource = DataSource.FromPath(path), OverrideEnvVars = new Dictionary<string, string>() });
        }
        catch (InvalidOperationException exception)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{path} cannot be used", exception.Message, "correct the file", exception);
        }
    }

    /// <summary>The properties of each profile by their dotted names.</summary>
    public static Dictionary<string, Dictionary<string, string>> Table(ClientEnvConfig config) =>
        config.Profiles.ToDictionary(profile => profile.Key, profile => Flatten(profile.Value), StringComparer.Ordinal);

    public static Dictionary<string, string> Flatten(ClientEnvConfig.Profile profile)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("address", profile.Address);
        Add("namespace", profile.Namespace);
        Add("api_key", profile.ApiKey);
        Add("tls.disabled", profile.Tls?.Disabled is { } disabled ? (disabled ? "true" : "false") : null);
        Add("tls.server_name", profile.Tls?.ServerName);
        Add("tls.server_ca_cert_path", profile.Tls?.ServerRootCACert?.Path);
        Add("tls.client_cert_path", profile.Tls?.ClientCert?.Path);
        Add("tls.client_key_path", profile.Tls?.ClientPrivateKey?.Path);
        foreach (var (name, value) in profile.GrpcMeta ?? new Dictionary<string, string>())
        {
            Add(HeaderPrefix + name, value);
        }
        return values;

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                values[name] = value;
            }
        }
    }

    public static void Write(string path, Dictionary<string, Dictionary<string, string>> profiles)
    {
        var text = new StringBuilder();
        foreach (var (name, values) in profiles.OrderBy(profile => profile.Key, StringComparer.Ordinal))
        {
            Section($"profile.{Quote(name)}", values.Where(value => Plain.Contains(value.Key)), "");
            Section($"profile.{Quote(name)}.tls", values.Where(value => value.Key.StartsWith(TlsPrefix, StringComparison.Ordinal)), TlsPrefix);
            Section($"profile.{Quote(name)}.grpc_meta", values.Where(value => value.Key.StartsWith(HeaderPrefix, StringComparison.Ordinal)), HeaderPrefix);
        }
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        // It may hold keys: for its owner only, and never half written.
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var writer = new StreamWriter(temporary, options))
        {
            writer.Write(text);
        }
        File.Move(temporary, path, overwrite: true);

        void Section(string heading, IEnumerable<KeyValuePair<string, string>> values, string prefix)
        {
            var lines = values.Select(value => $"{Quote(value.Key[prefix.Length..])} = {Value(value.Key, value.Value)}\n").ToList();
            if (lines.Count > 0 || prefix.Length == 0)
            {
                text.Append('[').Append(heading).Append("]\n").AppendJoin("", lines).Append('\n');
            }
        }
    }

    private static string Value(string name, string value) => name == "tls.disabled" && value is "true" or "false" ? value : Quote(value);

    // A TOML basic string has JSON's escapes.
    private static string Quote(string text) => JsonSerializer.Serialize(text, Output.CliConsole.OneLine);
}
