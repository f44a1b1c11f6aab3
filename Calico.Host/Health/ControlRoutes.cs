using Microsoft.AspNetCore.Http;

namespace Calico.Host.Health;

/// <summary>Which path is answered by whom: exact paths, asked by GET.</summary>
/// <remarks>A dozen paths without a variable in them. The framework's routing compiles an automaton when the first request comes, which is
/// when people and probes wait for a host that has just started.</remarks>
internal sealed class ControlRoutes
{
    private readonly Dictionary<string, RequestDelegate> _answers = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds a path, before the first answer. Two parts that answer one path are a fault of this program.</summary>
    public void MapGet(string path, RequestDelegate answer) => _answers.Add(path, answer);

    /// <summary>Answers, or says that nobody does.</summary>
    public Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        // Probes are written with a slash at the end and without.
        if (!_answers.TryGetValue(path.Length > 1 && path[^1] == '/' ? path[..^1] : path, out var answer))
        {
            return ControlApi.SayAsync(context, StatusCodes.Status404NotFound, $"there is no {context.Request.Path}");
        }

        if (HttpMethods.IsGet(context.Request.Method))
        {
            return answer(context);
        }

        context.Response.Headers.Allow = HttpMethods.Get;
        return ControlApi.SayAsync(context, StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} is read with GET");
    }
}
