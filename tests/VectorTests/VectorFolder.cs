using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;

namespace Calico.VectorTests;

/// <summary>The folder named by <c>CALICO_VECTORS</c>, judged once, in file order.</summary>
public static class VectorFolder
{
    public const string Variable = "CALICO_VECTORS";

    private static readonly Lazy<ImmutableArray<VectorOutcome>> Judged = new(JudgeAll);

    /// <summary>Why nothing can be judged; null when there is a folder.</summary>
    public static string? Missing =>
        Environment.GetEnvironmentVariable(Variable) switch
        {
            null or "" => $"{Variable} names no folder",
            var path when !Directory.Exists(path) => $"{Variable} names a folder that does not exist: {path}",
            _ => null,
        };

    /// <summary>Every vector of the folder with its verdict.</summary>
    public static ImmutableArray<VectorOutcome> Outcomes => Judged.Value;

    private static ImmutableArray<VectorOutcome> JudgeAll()
    {
        if (Missing is not null)
        {
            return [];
        }

        var runners = Runners().ToLookup(runner => runner.File, StringComparer.Ordinal);
        var outcomes = ImmutableArray.CreateBuilder<VectorOutcome>();
        foreach (var path in Directory.EnumerateFiles(Environment.GetEnvironmentVariable(Variable)!, "*.json")
            .Order(StringComparer.Ordinal))
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("vectors", out var vectors))
            {
                JudgeFile(Path.GetFileName(path), document.RootElement, vectors, [.. runners[Path.GetFileName(path)]], outcomes);
            }
        }

        return outcomes.ToImmutable();
    }

    private static void JudgeFile(string file, JsonElement document, JsonElement vectors, ImmutableArray<IVectorRunner> runners,
        ImmutableArray<VectorOutcome>.Builder outcomes)
    {
        foreach (var runner in runners)
        {
            runner.Open(document);
        }

        var index = 0;
        foreach (var vector in vectors.EnumerateArray())
        {
            index++;
            var id = vector.TryGetProperty("id", out var idElement) ? idElement.ToString() : $"{index}";
            var kind = Text(vector, "kind") ?? Text(vector, "type") ?? Path.GetFileNameWithoutExtension(file);
            outcomes.Add(new(file, kind, id, Text(vector, "description") ?? Text(vector, "selector") ?? "", Judge(runners, vector)));
        }
    }

    private static VectorVerdict Judge(ImmutableArray<IVectorRunner> runners, JsonElement vector)
    {
        VectorVerdict? skipped = null;
        foreach (var runner in runners)
        {
            var verdict = Run(runner, vector);
            if (verdict is not VectorVerdict.NotApplicable)
            {
                return verdict;
            }

            skipped ??= verdict;
        }

        return skipped ?? VectorVerdict.Skip("nothing built yet is concerned");
    }

    private static VectorVerdict Run(IVectorRunner runner, JsonElement vector)
    {
        try
        {
            return runner.Run(vector);
        }
        catch (Exception e)
        {
            return VectorVerdict.Fail(e.ToString());
        }
    }

    private static IEnumerable<IVectorRunner> Runners() =>
        Assembly.GetExecutingAssembly().GetTypes()
            .Where(type => type is { IsAbstract: false, IsInterface: false } && type.IsAssignableTo(typeof(IVectorRunner)))
            .OrderBy(type => type.FullName, StringComparer.Ordinal)
            .Select(type => (IVectorRunner)Activator.CreateInstance(type)!);

    private static string? Text(JsonElement vector, string name) =>
        vector.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
