using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace Calico.AdapterBuild;

/// <summary>Says at build time what the host would say when it loads: an error each, with its code and where the page about it is.
/// </summary>
public sealed class CheckAdapter : Task
{
    /// <summary>The built assembly.</summary>
    [Required]
    public string Assembly { get; set; } = "";

    /// <summary>What the error names.</summary>
    [Required]
    public string Project { get; set; } = "";

    /// <summary>The adapter's name.</summary>
    [Output]
    public string AdapterName { get; set; } = "";

    /// <summary>Major and minor of its contract.</summary>
    [Output]
    public string Contract { get; set; } = "";

    public override bool Execute()
    {
        using var file = File.OpenRead(Assembly);
        var adapter = AdapterAssembly.Read(file);
        switch (adapter.Classes)
        {
            case []:
                Error("CALICO001", "no public class implements Calico.IOrchestratorPlugin; an adapter has one. A library that only uses "
                    + "the contracts says <CalicoAdapter>false</CalicoAdapter>");
                break;
            case [_]:
                break;
            case var several:
                Error("CALICO002", $"{several.Length} public classes implement Calico.IOrchestratorPlugin ({string.Join(", ", several)}); "
                    + "an adapter has one: make the others internal or abstract, or adapters of their own");
                break;
        }

        if (adapter.Contract is not { } contract)
        {
            Error("CALICO003", "the assembly does not say which contract it was built against: add "
                + "[assembly: Calico.CalicoContract(1, 0)]");
        }
        else
        {
            Contract = $"{contract.Major}.{contract.Minor}";
        }

        if (adapter.Classes is [var only])
        {
            CheckName(only, adapter.Name);
        }

        foreach (var name in AdapterRules.Internals.Where(adapter.References.ContainsKey))
        {
            Error("CALICO005", $"{name} is a part of the host that changes without notice and is not shared with adapters; use what "
                + "Calico.Abstractions offers");
        }

        return !Log.HasLoggedErrors;
    }

    private void CheckName(string type, string? name)
    {
        if (name is null)
        {
            Error("CALICO004", $"the Name of {type} is computed; it becomes a folder, so it is a text that can be read without running "
                + "it: public string Name => \"acme\";");
        }
        else if (!AdapterRules.IsName(name))
        {
            Error("CALICO004", $"the Name of {type} is '{name}'; a name has 1 to 32 lower-case letters, digits and '-', "
                + "and begins with a letter or digit");
        }
        else
        {
            AdapterName = name;
        }
    }

    private void Error(string code, string message) =>
        Log.LogError(null, code, null, null, Project, 0, 0, 0, 0,
            $"{message}. docs/write-an-adapter.md#{code.ToLowerInvariant()} has more");
}
