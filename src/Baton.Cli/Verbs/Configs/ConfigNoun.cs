using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Server.Errors;
using Temporalio.Common.EnvConfig;

namespace Baton.Cli.Verbs.Configs;

/// <summary>
/// `baton config list|get|set|delete|delete-profile`: profiles of client settings, in the TOML file that Temporal's
/// own tools and SDKs read, so that one set of profiles serves all of them.
/// </summary>
internal static class ConfigNoun
{
    private const string Properties =
        "address, namespace, api_key, tls.disabled, tls.server_name, tls.server_ca_cert_path, tls.client_cert_path, tls.client_key_path, grpc_meta.NAME";

    public static Command Create()
    {
        var profile = new Option<string>("--profile")
        {
            Description = "Profile (default: TEMPORAL_PROFILE, or default).",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("TEMPORAL_PROFILE") ?? "default",
            Recursive = true,
        };
        var file = new Option<string>("--config-file")
        {
            Description = "Configuration file (default: TEMPORAL_CONFIG_FILE, or temporalio/temporal.toml in the user's configuration folder).",
            DefaultValueFactory = _ => ConfigFile.DefaultPath,
            Recursive = true,
            HelpName = "FILE",
        };
        var noun = new Command("config", "Show and check the settings of the server; keep profiles of server, namespace and credentials.") { profile, file };
        noun.Add(SettingVerbs.Show());
        noun.Add(SettingVerbs.Check());
        noun.Add(SettingVerbs.Reference());
        noun.Add(List(file));
        noun.Add(Get(profile, file));
        noun.Add(Set(profile, file));
        noun.Add(Delete(profile, file));
        noun.Add(DeleteProfile(profile, file));
        return noun;
    }

    private static Command List(Option<string> file)
    {
        var command = new Command("list", "List the profiles.");
        command.SetAction(parsed =>
        {
            var console = OutputOptions.Console(parsed);
            var config = ConfigFile.Read(parsed.GetRequiredValue(file));
            if (console.IsJson)
            {
                console.JsonList(config.Profiles.Keys.Select(name => (JsonNode)new JsonObject { ["name"] = name }));
                return;
            }
            console.Note(parsed.GetRequiredValue(file));
            foreach (var name in config.Profiles.Keys.Order(StringComparer.Ordinal))
            {
                console.Line(name);
            }
        });
        return command;
    }

    private static Command Get(Option<string> profile, Option<string> file)
    {
        var property = new Option<string?>("--prop", "-p") { Description = $"Property: {Properties}." };
        var command = new Command("get", "Print a property of a profile, or all.") { property };
        command.SetAction(parsed =>
        {
            var console = OutputOptions.Console(parsed);
            var values = ConfigFile.Flatten(Profile(parsed, profile, file));
            var wanted = parsed.GetValue(property) is { } name
                ? values.Where(value => value.Key == name).ToList()
                : [.. values];
            if (wanted.Count == 0 && parsed.GetValue(property) is { } missing)
            {
                throw new BatonException(ErrorCodes.NotFound, $"profile {parsed.GetValue(profile)} has no {missing}", null, $"the properties are {Properties}");
            }
            if (console.IsJson)
            {
                console.Json(new JsonObject(wanted.Select(value => KeyValuePair.Create<string, JsonNode?>(value.Key, value.Value))));
            }
            else if (parsed.GetValue(property) is not null)
            {
                console.Line(wanted[0].Value);
            }
            else if (wanted.Count > 0)
            {
                // The key itself is printed only when it is asked for by name.
                console.Fields([.. wanted.Select(value => (value.Key, (string?)(value.Key == "api_key" ? "(set)" : value.Value)))]);
            }
        });
        return command;
    }

    private static Command Set(Option<string> profile, Option<string> file)
    {
        var property = new Option<string>("--prop", "-p") { Description = $"Property: {Properties}.", Required = true };
        var value = new Option<string>("--value", "-v") { Description = "Its value.", Required = true };
        var command = new Command("set", "Set a property of a profile.") { property, value };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(file);
            var profiles = ConfigFile.Table(ConfigFile.Read(path));
            var name = parsed.GetRequiredValue(profile);
            profiles.TryAdd(name, []);
            profiles[name][Checked(parsed.GetRequiredValue(property))] = parsed.GetRequiredValue(value);
            ConfigFile.Write(path, profiles);
            OutputOptions.Console(parsed).Note($"{path}: set");
        });
        return command;
    }

    private static Command Delete(Option<string> profile, Option<string> file)
    {
        var property = new Option<string>("--prop", "-p") { Description = $"Property: {Properties}.", Required = true };
        var command = new Command("delete", "Remove a property from a profile.") { property };
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(file);
            Profile(parsed, profile, file);
            var profiles = ConfigFile.Table(ConfigFile.Read(path));
            if (!profiles[parsed.GetRequiredValue(profile)].Remove(Checked(parsed.GetRequiredValue(property))))
            {
                throw new BatonException(ErrorCodes.NotFound, $"profile {parsed.GetValue(profile)} has no {parsed.GetValue(property)}", null, "`baton config get` lists what it has");
            }
            ConfigFile.Write(path, profiles);
            OutputOptions.Console(parsed).Note($"{path}: removed");
        });
        return command;
    }

    private static Command DeleteProfile(Option<string> profile, Option<string> file)
    {
        var command = new Command("delete-profile", "Remove a whole profile.");
        command.SetAction(parsed =>
        {
            var path = parsed.GetRequiredValue(file);
            Profile(parsed, profile, file);
            var profiles = ConfigFile.Table(ConfigFile.Read(path));
            profiles.Remove(parsed.GetRequiredValue(profile));
            ConfigFile.Write(path, profiles);
            OutputOptions.Console(parsed).Note($"{path}: removed");
        });
        return command;
    }

    private static ClientEnvConfig.Profile Profile(ParseResult parsed, Option<string> profile, Option<string> file) =>
        ConfigFile.Read(parsed.GetRequiredValue(file)).Profiles.GetValueOrDefault(parsed.GetRequiredValue(profile))
        ?? throw new BatonException(
            ErrorCodes.NotFound, $"there is no profile {parsed.GetValue(profile)} in {parsed.GetValue(file)}", null, "`baton config list` lists them");

    private static string Checked(string property) => ConfigFile.IsProperty(property)
        ? property
        : throw new BatonException(ErrorCodes.InvalidInput, $"{property} is no property", null, $"the properties are {Properties}");
}
