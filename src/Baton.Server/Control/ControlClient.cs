using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;
using Baton.Server.Errors;
using Baton.Server.Processes;

namespace Baton.Server.Control;

/// <summary>Talks to the host of a project that is up.</summary>
public sealed class ControlClient : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter<ProcessState>() } };

    private readonly HttpClient http;
    private readonly string projectFolder;

    /// <exception cref="BatonException">The project is not up.</exception>
    public ControlClient(string projectFolder)
    {
        this.projectFolder = projectFolder;
        var file = ControlFile.Read(projectFolder);
        http = new HttpClient { BaseAddress = new Uri(file.Address) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", file.Token);
    }

    public async Task<IReadOnlyList<ProcessStatus>> ListAsync(CancellationToken cancel)
    {
        using var response = await SendAsync(HttpMethod.Get, "api/v1/processes", cancel);
        return (await response.Content.ReadFromJsonAsync<List<ProcessStatus>>(Json, cancel))!;
    }

    public async Task<ProcessStatus> RestartAsync(string name, CancellationToken cancel)
    {
        using var response = await SendAsync(HttpMethod.Post, $"api/v1/processes/{Uri.EscapeDataString(name)}/restart", cancel);
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => throw new BatonException(ErrorCodes.NotFound, $"the project has no process {name}", null, "`baton process list` lists them"),
            HttpStatusCode.Conflict => throw new BatonException(ErrorCodes.Refused, $"process {name} could not be started", null, "what `baton up` prints says why"),
            _ => (await response.Content.ReadFromJsonAsync<ProcessStatus>(Json, cancel))!,
        };
    }

    public void Dispose() => http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, CancellationToken cancel)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            var response = await http.SendAsync(request, cancel);
            // Another host may have got the port of a killed one: it does not know the token.
            return response.StatusCode == HttpStatusCode.Unauthorized
                ? throw new HttpRequestException("the port belongs to another host by now")
                : response;
        }
        catch (HttpRequestException exception)
        {
            throw ControlFile.NotUp(projectFolder, exception);
        }
    }
}
