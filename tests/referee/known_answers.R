# Writes what R finds in the public data sets of tests/known_answers/data: the committed
# referee_answers.csv, which the page of referees reads. One number a line, 17 digits.
# Rscript --vanilla known_answers.R DATA_FOLDER OUTPUT_FILE
suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
})
arguments <- commandArgs(trailingOnly = TRUE)
given <- function(name) read.csv(file.path(arguments[1], name))
lines <- c("key,value")
emit <- function(key, values) {
  lines <<- c(lines, sprintf(paste0(key, ",%.17g"), as.numeric(values)))
}
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)
naive <- function(fit) sqrt(diag(if (is.null(fit$naive.var)) fit$var else fit$naive.var))
robust <- function(fit) sqrt(diag(fit$var))
emit_fit <- function(key, fit) {
  emit(paste0(key, ".coef"), coef(fit))
  emit(paste0(key, ".se"), naive(fit))
  emit(paste0(key, ".loglik"), fit$loglik)
}

lines <- c(lines, paste0("version.R,", getRversion()))
for (package in c("survival", "cmprsk")) {
  lines <- c(lines, paste0("version.", package, ",", packageVersion(package)))
}

all_lung <- given("lung.csv")
all_lung$d <- all_lung$status - 1
lung <- subset(all_lung, !is.na(ph.ecog) & !is.na(inst))
for (ties in c("efron", "breslow", "exact")) {
  emit_fit(ties, coxph(Surv(time, d) ~ age + sex + ph.ecog, lung, ties = ties, control = tight))
}
efron <- coxph(Surv(time, d) ~ age + sex + ph.ecog, lung, control = tight)
emit_fit("strata", coxph(Surv(time, d) ~ age + ph.ecog + strata(sex), lung, control = tight))
full <- Surv(time, d) ~ age + sex + ph.ecog
emit("robust", robust(coxph(full, lung, robust = TRUE, control = tight)))
untied <- transform(lung, time = time + seq_along(time) / 1000)
emit("robust.untied", robust(coxph(full, untied, robust = TRUE, control = tight)))
emit("cluster", robust(coxph(full, lung, cluster = inst, control = tight)))
lung$w <- 1 + lung$age %% 3
fit <- coxph(full, lung, weights = w, robust = TRUE, control = tight)
emit("weights.coef", coef(fit))
emit("weights.se", robust(fit))
heart <- given("heart.csv")
late <- Surv(start, stop, event) ~ age + year + surgery + transplant
emit_fit("entry", coxph(late, heart, control = tight))
zph <- sapply(c("km", "identity", "rank"), function(g) cox.zph(efron, g)$table[, "p"])
emit("zph", zph[1:3, ])
emit("zph.global", zph[4, ])
emit("concordance", efron$concordance["concordance"])
emit("concordance.se", efron$concordance["std"])

for (type in c("plain", "log", "log-log")) {
  curve <- survfit(Surv(time, d) ~ sex, all_lung, conf.type = type)
  inner <- curve$surv > 0 & curve$surv < 1
  emit(paste0("km.interval.", type), rbind(curve$lower, curve$upper)[, inner])
  table <- summary(curve, rmean = 365)$table
  emit(paste0("km.median.", type), t(table[, c("median", "0.95LCL", "0.95UCL")]))
}
emit("km.survival", curve$surv)
emit("km.std_error", curve$surv * curve$std.err)
emit("km.mean", table[, "rmean"])
emit("km.mean_error", table[, "se(rmean)"])
emit("follow_up", quantile(survfit(Surv(time, 1 - d) ~ 1, all_lung), 0.5)$quantile)
veteran <- given("veteran.csv")
emit("log_rank", survdiff(Surv(time, d) ~ sex, all_lung)$chisq)
emit("log_rank.groups", survdiff(Surv(time, status) ~ celltype, veteran)$chisq)
emit("log_rank.strata", survdiff(Surv(time, status) ~ trt + strata(prior), veteran)$chisq)

mgus2 <- given("mgus2.csv")
mgus2$male <- as.numeric(mgus2$sex == "M")
incidence <- cuminc(mgus2$etime, mgus2$event, mgus2$sex)
read <- timepoints(incidence, c(60, 120, 240))
emit("incidence", t(read$est))
emit("incidence.std_error", t(sqrt(read$var)))
multi <- survfit(Surv(etime, factor(event)) ~ sex, mgus2, influence = FALSE)
steps <- summary(multi, times = c(60, 120, 240))
emit("incidence.greenwood", steps$std.err[, 2:3])
moved <- transform(mgus2, etime = etime + seq_along(etime) / 10000)
emit("incidence.untied", t(timepoints(with(moved, cuminc(etime, event, sex)), c(60, 120, 240))$est))
emit("gray", incidence$Tests[, "stat"])
X <- as.matrix(mgus2[, c("age", "male")])
fit <- crr(mgus2$etime, mgus2$event, X, maxiter = 60)
for (i in 1:2) {
  start <- fit$coef + solve(fit$inf, fit$score)
  fit <- crr(mgus2$etime, mgus2$event, X, init = start, gtol = 1)
}
emit("fine_gray.coef", fit$coef)
emit("fine_gray.se", sqrt(diag(fit$var)))

lalonde <- given("lalonde.csv")
control <- glm.control(epsilon = 1e-14, maxit = 100)
formula <- treat ~ age + educ + married + nodegree + re74 + re75
fit <- glm(formula, binomial, lalonde, control = control)
fit <- glm(formula, binomial, lalonde, control = control, start = coef(fit))
emit("logistic.coef", coef(fit))
emit("logistic.se", sqrt(diag(vcov(fit))))
emit("logistic.loglik", logLik(fit))
infert <- given("infert.csv")
formula <- case ~ spontaneous + induced + strata(stratum)
emit_fit("conditional", clogit(formula, infert, method = "exact", control = tight))

two <- matrix(c(45, 86, 46, 101), 2, byrow = TRUE)
emit("pearson", chisq.test(two, correct = FALSE)$p.value)
emit("yates", chisq.test(two)$p.value)
emit("fisher", fisher.test(two)$p.value)
emit("fisher.larger", fisher.test(rbind(c(25, 12, 4, 21, 4), c(17, 9, 1, 7, 0)))$p.value)
emit("student", t.test(age ~ trt, veteran, var.equal = TRUE)$p.value)
emit("welch", t.test(age ~ trt, veteran)$p.value)
emit("mann_whitney", wilcox.test(age ~ trt, veteran, exact = FALSE, correct = FALSE)$p.value)
writeLines(lines, arguments[2])
