"""The reviewer's kit: checklists, target trials, E-values of printed ratios, CODECHECK bundles."""
