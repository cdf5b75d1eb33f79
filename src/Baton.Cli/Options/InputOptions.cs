using System.CommandLine;
using Baton.Server.Errors;
using Google.Protobuf;
using Temporalio.Api.Common.V1;

namespace Baton.Cli.Options;

/// <summary>The arguments of a workflow, signal, query or update: each --input is one JSON value.</summary>
internal sealed class InputOptions
{
    private const string EncodingKey = "encoding";

    private readonly Option<string[]> input = new("--input", "-i") { Description = "Argument as JSON; once for each argument.", HelpName = "JSON" };
    private readonly Option<string[]> inputFile = new("--input-file") { Description = "File that holds one argument as JSON; once for each argument.", HelpName = "FILE" };
    private readonly Option<bool> inputBase64 = new("--input-base64") { Description = "The arguments are base64 of their bytes." };
    private readonly Option<KeyValuePair<string, string>[]> inputMeta = Values.Pairs("--input-meta", "Metadata of the payloads (default encoding=json/plain).");

    public void AddTo(Command command)
    {
        command.Options.Add(input);
        command.Options.Add(inputFile);
        command.Options.Add(inputBase64);
        command.Options.Add(inputMeta);
    }

    /// <summary>The arguments as payloads; null when none was given.</summary>
    public Payloads? Read(ParseResult parsed)
    {
        var texts = (parsed.GetValue(input) ?? []).Concat((parsed.GetValue(inputFile) ?? []).Select(static path => InputFile.Read(path, "name a file that holds JSON"))).ToList();
        if (texts.Count == 0)
        {
            return null;
        }
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal) { [EncodingKey] = "json/plain" };
        foreach (var (key, value) in parsed.GetValue(inputMeta) ?? [])
        {
            metadata[key] = value;
        }
        var payloads = new Payloads();
        foreach (var text in texts)
        {
            var payload = new Payload { Data = Bytes(text, parsed.GetValue(inputBase64), metadata[EncodingKey]) };
            foreach (var (key, value) in metadata)
            {
                payload.Metadata[key] = ByteString.CopyFromUtf8(value);
            }
            payloads.Payloads_.Add(payload);
        }
        return payloads;
    }

    /// <summary>A JSON text as a payload.</summary>
    public static Payload Json(string text) => new()
    {
        Data = ByteString.CopyFromUtf8(text),
        Metadata = { [EncodingKey] = ByteString.CopyFromUtf8("json/plain") },
    };

    private static ByteString Bytes(string text, bool base64, string encoding)
    {
        if (base64)
        {
            var bytes = new byte[text.Length];
            return Convert.TryFromBase64String(text, bytes, out var length)
                ? ByteString.CopyFrom(bytes, 0, length)
                : throw Invalid($"--input '{text}' is not base64", "give base64, or leave --input-base64 out");
        }
        if (encoding.StartsWith("json/", StringComparison.Ordinal) && !Values.IsJson(text))
        {
            throw Invalid($"--input '{text}' is not JSON", "a string needs quotes of its own: --input '\"text\"'");
        }
        return ByteString.CopyFromUtf8(text);
    }

    private static BatonException Invalid(string message, string remedy) => new(ErrorCodes.InvalidInput, message, null, remedy);
}
