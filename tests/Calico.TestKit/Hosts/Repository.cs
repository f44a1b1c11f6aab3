namespace Calico.TestKit.Hosts;

/// <summary>Where the sources and the built programs are.</summary>
public static class Repository
{
    /// <summary>The folder with <c>Calico.slnx</c>, above this assembly.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The built programs of a node, or null when they have not been published.</summary>
    public static string? Programs
    {
        get
        {
            var folder = Environment.GetEnvironmentVariable("CALICO_PUBLISH") ?? Path.Combine(Root, "artifacts", "publish");
            return File.Exists(Path.Combine(folder, "host", "calico-host"))
                && File.Exists(Path.Combine(folder, "bin", "calico-shim")) ? folder : null;
        }
    }

    /// <summary>The folder of the packages that were packed last, or null.</summary>
    public static string? Packages
    {
        get
        {
            var folder = Environment.GetEnvironmentVariable("CALICO_PACKAGES") ?? Path.Combine(Root, "artifacts", "packages");
            return Directory.Exists(folder) && Directory.GetFiles(folder, "Calico.Abstractions.*.nupkg").Length > 0 ? folder : null;
        }
    }

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Calico.slnx")))
            {
                return folder;
            }
        }

        throw new InvalidOperationException($"no Calico.slnx above {AppContext.BaseDirectory}");
    }
}
