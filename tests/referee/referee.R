# Analyses every data set of a folder and writes what R finds: one number a line, 17 digits.
# answers.csv: data, analysis, quantity, value; complaints.csv: data, analysis, R's own words.
suppressPackageStartupMessages({
  library(parallel)
  library(survival)
  library(cmprsk)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
here <- function(name) file.path(folder, name)
# What the data set at hand gives; each is analysed in a process of its own
current <- ""
answers <- character()
complaints <- character()

emit <- function(analysis, quantity, values) {
  line <- paste(current, analysis, quantity, "%.17g", sep = ",")
  answers <<- c(answers, sprintf(line, as.numeric(values)))
}

complain <- function(analysis, text) {
  text <- gsub("[\",\n]", " ", paste(text, collapse = "; "))
  complaints <<- c(complaints, paste(current, analysis, text, sep = ","))
  NULL
}

# Run; where R warns, fails or leaves a coefficient out, say so and return NULL
attempt <- function(analysis, run) {
  said <- character()
  value <- withCallingHandlers(
    tryCatch(run(), error = function(e) {
      said <<- c(said, conditionMessage(e))
      NULL
    }),
    warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  if (inherits(value, c("coxph", "glm")) && anyNA(coef(value))) said <- c(said, "NA coefficient")
  if (length(said) == 0) value else complain(analysis, said)
}

covariates <- function(d) paste0("x", seq_len(d$used[1]))
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)

cox <- function(d, model) {
  name <- model$name
  if (model$truncated && any(d$time <= d$start)) return()
  left <- if (model$truncated) "Surv(start, time, event)" else "Surv(time, event)"
  right <- c(covariates(d), if (model$strata) "strata(stratum)")
  exact <- model$ties == "exact"
  args <- list(
    as.formula(paste(left, "~", paste(right, collapse = " + "))),
    data = d, ties = model$ties, robust = !exact, control = tight
  )
  if (model$truncated) args$cluster <- seq_len(nrow(d))
  if (model$weights) args$weights <- d$weight
  if (model$cluster) args$cluster <- d$cluster
  fit <- attempt(name, function() do.call(coxph, args))
  tested <- paste0(name, "_zph")
  if (is.null(fit)) {
    if (model$zph) complain(tested, "no model")
    return()
  }
  emit(name, "coef", coef(fit))
  emit(name, "se", sqrt(diag(if (exact) fit$var else fit$naive.var)))
  emit(name, "loglik", fit$loglik)
  emit(name, "score", fit$score)
  if (!exact) emit(name, "robust_se", sqrt(diag(fit$var)))
  if (!model$zph) return()
  test <- attempt(tested, function() {
    lapply(c("km", "rank"), function(g) cox.zph(fit, g, terms = FALSE)$table)
  })
  if (!is.null(test)) {
    emit(tested, "statistic", sapply(test, function(table) table[, "chisq"]))
    emit(tested, "p", sapply(test, function(table) table[, "p"]))
  }
  if (!model$truncated) emit(name, "concordance", fit$concordance[c("concordance", "std")])
}

curves <- function(d) {
  for (type in c("plain", "log", "log-log")) {
    fit <- survfit(Surv(time, event) ~ group, data = d, conf.type = type)
    of <- paste0("km_", type)
    if (type == "plain") {
      emit(of, "survival", fit$surv)
      emit(of, "std_error", fit$surv * fit$std.err)
      emit(of, "at_risk", fit$n.risk)
      table <- summary(fit, rmean = d$tau[1])$table
      emit(of, "mean", table[, "rmean"])
      emit(of, "mean_error", table[, "se(rmean)"])
    }
    emit(of, "lower", fit$lower)
    emit(of, "upper", fit$upper)
    emit(of, "median", t(summary(fit)$table[, c("median", "0.95LCL", "0.95UCL")]))
  }
}

log_rank <- function(d) {
  formulas <- list(
    log_rank = Surv(time, event) ~ group,
    log_rank_strata = Surv(time, event) ~ group + strata(stratum)
  )
  for (name in names(formulas)) {
    test <- attempt(name, function() survdiff(formulas[[name]], data = d))
    if (is.null(test)) next
    observed <- rowSums(as.matrix(test$obs))
    expected <- rowSums(as.matrix(test$exp))
    scores <- seq_along(observed)
    emit(name, "statistic", test$chisq)
    emit(name, "expected", expected)
    emit(name, "trend", sum(scores * (observed - expected))^2 / (scores %*% test$var %*% scores))
  }
}

logistic <- function(d) {
  fit <- attempt("logistic", function() {
    formula <- as.formula(paste("arm ~", paste(covariates(d), collapse = " + ")))
    control <- glm.control(epsilon = 1e-14, maxit = 100)
    fit <- glm(formula, binomial, d, control = control)
    # the errors of glm are those of the step before the last: begin again where it ended
    if (anyNA(coef(fit))) fit else glm(formula, binomial, d, control = control, start = coef(fit))
  })
  if (!is.null(fit)) {
    emit("logistic", "coef", coef(fit))
    emit("logistic", "se", sqrt(diag(vcov(fit))))
    emit("logistic", "loglik", logLik(fit))
  }
  fit <- attempt("conditional", function() {
    formula <- paste("event ~", paste(covariates(d), collapse = " + "), "+ strata(cluster)")
    clogit(as.formula(formula), d, method = "exact", control = tight)
  })
  if (!is.null(fit)) {
    emit("conditional", "coef", coef(fit))
    emit("conditional", "se", sqrt(diag(fit$var)))
    emit("conditional", "loglik", fit$loglik)
  }
}

two_samples <- function(d) {
  for (equal in c(TRUE, FALSE)) {
    test <- t.test(d$x3[d$arm == 1], d$x3[d$arm == 0], var.equal = equal)
    emit("two_samples", "t", c(test$statistic, test$parameter, test$p.value))
  }
  for (correct in c(TRUE, FALSE)) {
    test <- wilcox.test(d$x2[d$arm == 1], d$x2[d$arm == 0], exact = FALSE, correct = correct)
    emit("two_samples", "wilcoxon", c(test$statistic, test$p.value))
  }
}

competing <- function(d) {
  if (d$data[1] %% 3 == 0) {
    fit <- attempt("gray", function() cuminc(d$time, d$cause, d$group, cencode = 0))
    if (!is.null(fit)) {
      emit("gray", "statistic", fit$Tests[, "stat"])
      read <- timepoints(fit, d$tau[1] * c(0.5, 1))
      emit("incidence", "incidence", t(read$est))
      emit("incidence", "variance", t(read$var))
    }
  }
  # crr reads the chance of being uncensored at, not before, a time of 0
  if (any(d$time == 0)) return()
  fit <- attempt("fine_gray", function() {
    X <- as.matrix(d[, covariates(d), drop = FALSE])
    centred <- scale(X)
    if (qr(centred)$rank < ncol(X)) stop("collinear, of which crr does not warn")
    first <- fit <- crr(d$time, d$cause, centred, maxiter = 60)
    if (!first$converged) stop("not converged")
    # crr ends early, its search along the line being upset by rounding: two more Newton steps
    for (i in 1:2) {
      step <- solve(fit$inf, fit$score)
      if (any(abs(step) > 0.1)) stop("diverging, of which crr does not warn")
      fit <- crr(d$time, d$cause, centred, init = fit$coef + step, gtol = 1)
    }
    list(fit = fit, null = first$loglik.null, sd = attr(centred, "scaled:scale"))
  })
  if (!is.null(fit)) {
    emit("fine_gray", "coef", fit$fit$coef / fit$sd)
    emit("fine_gray", "se", sqrt(diag(fit$fit$var)) / fit$sd)
    emit("fine_gray", "loglik", c(fit$null, fit$fit$loglik))
  }
}

tables <- function(d) {
  counts <- xtabs(count ~ row + column, d)
  emit("tables", "pearson", suppressWarnings(chisq.test(counts, correct = FALSE)$p.value))
  if (all(dim(counts) == 2)) emit("tables", "yates", suppressWarnings(chisq.test(counts)$p.value))
  emit("tables", "fisher", fisher.test(counts, workspace = 2e7)$p.value)
}

models <- read.csv(here("models.csv"))

patients <- function(d) {
  for (i in seq_len(nrow(models))) cox(d, models[i, ])
  curves(d)
  log_rank(d)
  logistic(d)
  two_samples(d)
  competing(d)
}

# Analyse every data set of a file, on all cores; `prefix` keeps the numbers of files apart
run <- function(name, analyse, prefix) {
  frame <- read.csv(here(name))
  one <- function(d) {
    current <<- paste0(prefix, d$data[1])
    answers <<- complaints <<- character()
    analyse(d)
    list(answers = answers, complaints = complaints)
  }
  cores <- if (.Platform$OS.type == "unix") max(1, detectCores(), na.rm = TRUE) else 1
  found <- mclapply(split(frame, frame$data), one, mc.cores = cores)
  failed <- Filter(function(x) inherits(x, "try-error"), found)
  if (length(failed) > 0) stop(failed[[1]])
  found
}

found <- c(run("patients.csv", patients, ""), run("tables.csv", tables, "t"))
part <- function(name) unlist(lapply(found, `[[`, name))
writeLines(c("data,analysis,quantity,value", part("answers")), here("answers.csv"))
writeLines(c("data,analysis,text", part("complaints")), here("complaints.csv"))
versions <- c(
  paste("R", getRversion()), paste("survival", packageVersion("survival")),
  paste("cmprsk", packageVersion("cmprsk"))
)
writeLines(versions, here("versions.txt"))
